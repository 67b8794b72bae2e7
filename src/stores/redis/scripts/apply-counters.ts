/** The mirror's step for counters, where generations and parts are compared, and the refill of an authority that lost its memory. */
import { COUNTER_PRELUDE } from "./counter-prelude.js";

/**
 * KEYS: fence, log, overflow, then for each counter its key and companion.
 * ARGV: term, run id, collection, log limit, count, then for each: id, generation, Redis part, Postgres part, stamp, expiry, operation ids.
 */
export const APPLY_COUNTERS = `${COUNTER_PRELUDE}
local fence = read_fence(KEYS[1])
local term, run, collection, limit, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not fence or fence.run ~= run or term < fence.term then
  return { 'fenced', fence and fence.raw or '' }
end
if term > fence.term then
  fence.term = term
  fence.role = 'mirror'
  write_fence(KEYS[1], fence)
end
local authority = fence.role == 'authority'
local complete = is_complete(fence, collection)

-- The held parts as the merge sees them. In a mirror a bypass writer's counts are not believed, only the companion's.
local function parts(h, stamp)
  local c = h.companion
  if h.kind == 'value' and (authority or (not c and stamp == 0)) then return { gen = h.gen, red = h.red, pg = h.pg } end
  if c then return { gen = c.gen, red = math.max(c.last - c.pg, 0), pg = c.pg } end
  return nil
end

local function merge(held, m)
  if not held or m.gen > held.gen then return { gen = m.gen, red = m.red, pg = m.pg } end
  if m.gen < held.gen then return held end
  return { gen = m.gen, red = math.max(held.red, m.red), pg = math.max(held.pg, m.pg) }
end

-- What stands in an authority that lost its memory, brought together with what Postgres holds.
local function refill(h, m)
  local c = h.companion
  if h.kind == 'absent' then
    if not c then return m end
    local past = parts(h, m.stamp)
    -- Both key and companion come back with a snapshot, so an absence beside a companion as new as Postgres's is a bypass delete.
    if (c.expires and c.expires <= now_ms) or m.gen > c.gen or m.stamp > c.stamp then return merge(past, m) end
    return nil
  end
  if not c then
    if fence.trusted then return { gen = m.gen, red = m.red + h.sum, pg = m.pg } end
    return merge({ gen = 0, red = h.sum, pg = 0 }, m)
  end
  if h.fell then return nil end
  local since = h.sum - c.last
  local merged = merge({ gen = c.gen, red = c.last - c.pg, pg = c.pg }, m)
  return { gen = merged.gen, red = merged.red + since, pg = merged.pg }
end

local results = {}
for i = 1, count do
  local key, companion_key = KEYS[2 + i * 2], KEYS[3 + i * 2]
  local a = 6 + (i - 1) * 7
  local id = ARGV[a]
  local m = { gen = tonumber(ARGV[a + 1]), red = tonumber(ARGV[a + 2]), pg = tonumber(ARGV[a + 3]), stamp = tonumber(ARGV[a + 4]), expires = tonumber(ARGV[a + 5]), ops = ARGV[a + 6] }
  local h = held_counter(key, companion_key)
  local expired = m.expires ~= nil and m.expires <= now_ms
  if h.kind == 'unreadable' then
    results[i] = { 'rejected', h.reason }
  elseif (complete and fence.role ~= 'mirror') or (authority and h.term == fence.term) then
    -- Nothing is missing in an authority that is complete, nor in one that was closed: it may be opened again.
    results[i] = { 'kept', text(h.stamp), (h.kind == 'value' and h.red + h.pg == m.red + m.pg and h.gen == m.gen) and '1' or '0' }
  else
    local target
    if authority then
      if not expired then target = refill(h, m) end
    else
      target = merge(parts(h, m.stamp), m)
    end
    local held = parts(h, m.stamp)
    if not target then
      -- Nothing of Postgres's counts here any more: what stands begins a generation of its own.
      h.ops = join_operations(h.ops, m.ops, COUNTER_OPS)
      adopt_counter(key, companion_key, h, fence.term, m.gen, m.stamp, KEYS[2], KEYS[3], limit, id)
      results[i] = { 'kept', text(h.stamp), '0' }
    else
      local sum = target.red + target.pg
      local from_message = target.gen == m.gen and target.red == m.red and target.pg == m.pg
      local newer = m.stamp > h.stamp
      -- A counter's life belongs to its generation; within one the newer state tells it.
      local expires = h.expires
      -- What expired, or was deleted by a bypass writer, ends when its companion says.
      if h.kind == 'absent' and h.companion then expires = h.companion.expires end
      if not held or m.gen > held.gen or (m.gen == held.gen and (newer or h.kind == 'absent')) then expires = m.expires end
      local dead = expires ~= nil and expires <= now_ms
      local unchanged = held and target.gen == held.gen and target.red == held.red and target.pg == held.pg and not newer
        and not (authority and h.term ~= fence.term)
        and not (h.kind == 'absent' and not dead) and not (h.bypass and h.sum ~= sum and m.stamp >= h.stamp)
      if unchanged then
        results[i] = { 'kept', text(h.stamp), (from_message and same_moment(h.expires, m.expires)) and '1' or '0' }
      else
        local expected = h.companion and h.companion.last or sum
        local overwrote = not authority and h.kind == 'value' and h.sum ~= expected
        if dead then redis.call('DEL', key) else put_sum(key, sum, expires) end
        if m.gen > 0 or m.stamp > 0 or authority then
          local c = { gen = target.gen, pg = target.pg, last = sum, term = fence.term, stamp = math.max(h.stamp, m.stamp), expires = expires,
            ops = join_operations(h.ops, m.ops, COUNTER_OPS) }
          if authority and not from_message then
            c.stamp = next_stamp(c.stamp)
            log_entry(KEYS[2], KEYS[3], limit, id, c.stamp)
          end
          write_companion(companion_key, c)
        end
        results[i] = { 'applied', overwrote and '1' or '0' }
      end
    end
  end
end
return { 'ok', fence.raw, results }
`;
