/** Lua that the counter scripts share: what stands for a counter under its key and companion. */
import { PRELUDE } from "./prelude.js";

export const COUNTER_PRELUDE = `${PRELUDE}
local function parse_companion(raw)
  if not raw then return nil end
  -- The ids, most of it, needn't be looked through.
  local gen, pg, last, term, stamp, expires, at = string.match(raw, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%S+) ()')
  return { gen = tonumber(gen), pg = tonumber(pg), last = tonumber(last), term = tonumber(term), stamp = tonumber(stamp),
    expires = tonumber(expires), ops = string.sub(raw, at) }
end

local function write_companion(key, c)
  -- Outlives the counter long enough for its past to be known; a counter without expiry keeps it for ever.
  set_until(key, table.concat({ text(c.gen), text(c.pg), text(c.last), text(c.term), text(c.stamp), or_dash(c.expires), c.ops }, ' '),
    c.expires and c.expires + RETENTION)
end

local function put_sum(key, sum, expires)
  set_until(key, text(sum), expires)
end

-- kind: value | absent | unreadable. 'fell' is a sum below the last one seen: a bypass writer's DEL or SET.
local function held_counter(key, companion_key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' then return { kind = 'unreadable', reason = 'the key holds another Redis type' } end
  local c = parse_companion(redis.call('GET', companion_key))
  local h = { companion = c, stamp = c and c.stamp or 0, term = c and c.term or 0, ops = c and c.ops or '-', sum = 0 }
  if not raw then
    h.kind = 'absent'
    return h
  end
  if not string.match(raw, '^%d+$') or tonumber(raw) > 9007199254740991 then
    return { kind = 'unreadable', reason = 'the counter is not a whole number between 0 and 2^53 - 1' }
  end
  h.kind = 'value'
  h.sum = tonumber(raw)
  h.expires = expiry_of(key)
  if not c then
    h.gen, h.pg, h.red, h.bypass = 0, 0, h.sum, true
  elseif h.sum < c.last then
    h.fell, h.bypass = true, true
    h.gen, h.pg, h.red = c.gen, 0, h.sum
  else
    h.gen, h.pg, h.red = c.gen, c.pg, h.sum - c.pg
    h.bypass = h.sum > c.last or not same_moment(c.expires, h.expires)
  end
  return h
end

-- Begins a generation from what stands, or takes growth and a new expiry into the present one. What stands outlives the state
-- told of (generation, stamp), if any: it needs a greater generation, since the greater one wins whole.
local function adopt_counter(key, companion_key, h, term, told_gen, told_stamp, log, overflow, limit, id)
  if h.kind == 'absent' or h.fell or not h.companion or h.gen <= told_gen then
    h.gen, h.pg, h.red = math.max(now_micros, (h.companion and h.companion.gen or 0) + 1, told_gen + 1), 0, h.sum
  end
  h.stamp = next_stamp(math.max(h.stamp, told_stamp))
  h.companion = { gen = h.gen, pg = h.pg, last = h.sum, term = term, stamp = h.stamp, expires = h.expires, ops = h.ops }
  h.term, h.bypass, h.fell = term, false, false
  write_companion(companion_key, h.companion)
  log_entry(log, overflow, limit, id, h.stamp)
end
`;
