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

-- The held parts as the merge sees them. A bypass writer's counts are not believed, only the companion's.
local function parts(h, stamp)
  local c = h.companion
  if h.kind == 'value' and not c and stamp == 0 then return { gen = h.gen, red = h.red, pg = h.pg } end
  if c then return { gen = c.gen, red = math.max(c.last - c.pg, 0), pg = c.pg } end
  return nil
end

local function merge(held, m)
  if not held or m.gen > held.gen then return { gen = m.gen, red = m.red, pg = m.pg } end
  if m.gen < held.gen then return held end
  return { gen = m.gen, red = math.max(held.red, m.red), pg = math.max(held.pg, m.pg) }
end

-- The operations of what merge gives: of the greater generation alone, or of both, the newer state's last.
local function merged_operations(held, h, m)
  if not held or m.gen > held.gen then return m.ops end
  if m.gen < held.gen then return h.ops end
  if m.stamp > h.stamp then return join_operations(h.ops, m.ops, COUNTER_OPS) end
  return join_operations(m.ops, h.ops, COUNTER_OPS)
end

-- What stands in an authority that lost its memory, brought together with what Postgres holds: parts, life and operations. Of two
-- states the newer one wins whole: the older one may be a branch that another loss cut off, and what bypass writers did to it the newer
-- one may know. What this memory counted since its loss is added. Nil: what stands outlives it, and begins a generation of its own.
local function refill(h, m, over)
  local c = h.companion
  if not c then
    if h.kind == 'absent' then return m end
    if not fence.trusted and m.stamp > 0 then return m end
    if over then return nil end
    if fence.trusted then return { gen = m.gen, red = m.red + h.sum, pg = m.pg, expires = m.expires, ops = m.ops } end
    return { gen = m.gen, red = math.max(h.sum, m.red), pg = m.pg, expires = h.expires, ops = m.ops }
  end
  local past = { gen = c.gen, red = math.max(c.last - c.pg, 0), pg = c.pg, expires = c.expires, ops = c.ops }
  -- What counted later than the state told, alone, may be of a lesser generation, since it knew nothing of that one.
  local later = m.stamp > c.stamp
  local newer = m.gen > c.gen or (m.gen == c.gen and later)
  local both = later and join_operations(c.ops, m.ops, COUNTER_OPS) or join_operations(m.ops, c.ops, COUNTER_OPS)
  local told = { gen = m.gen, red = m.red, pg = m.pg, expires = m.expires, ops = later and m.ops or both }
  if h.kind == 'absent' then
    local ended = c.expires ~= nil and c.expires <= now_ms
    if newer and (later or ended) then return told end
    -- Both key and companion come back with a snapshot, so an absence beside a companion as new as Postgres's is a bypass delete.
    return ended and past or nil
  end
  if h.fell then return newer and later and not fence.trusted and told or nil end
  local since = h.sum - c.last
  if newer and (since == 0 or (later and not fence.trusted)) then return told end
  local base = m
  if not newer then
    base = merge(past, m)
  elseif over then
    -- All that it counted is over, but for this.
    base = { gen = math.max(now_micros, m.gen + 1), red = 0, pg = 0 }
  end
  local expires = h.expires
  if newer and later and not over then expires = m.expires end
  -- Nobody knows which of its operations it counted since, so they all stay.
  return { gen = base.gen, red = base.red + since, pg = base.pg, expires = expires, ops = m.gen < c.gen and c.ops or both }
end

local function put(key, sum, expires)
  if expires and expires <= now_ms then redis.call('DEL', key) else put_sum(key, sum, expires) end
end

-- In an authority that lost its memory.
local function put_back(key, companion_key, id, h, m)
  local target = refill(h, m, m.expires ~= nil and m.expires <= now_ms)
  if not target then
    h.ops = join_operations(h.ops, m.ops, COUNTER_OPS)
    adopt_counter(key, companion_key, h, fence.term, m.gen, m.stamp, KEYS[2], KEYS[3], limit, id)
    return { 'kept', text(h.stamp), '0' }
  end
  local sum, stamp = target.red + target.pg, math.max(h.stamp, m.stamp)
  -- The other store doesn't know just this yet.
  if target.gen ~= m.gen or target.red ~= m.red or target.pg ~= m.pg or not same_moment(target.expires, m.expires) then
    stamp = next_stamp(stamp)
    log_entry(KEYS[2], KEYS[3], limit, id, stamp)
  end
  put(key, sum, target.expires)
  write_companion(companion_key, { gen = target.gen, pg = target.pg, last = sum, term = fence.term, stamp = stamp, expires = target.expires, ops = target.ops })
  return { 'applied', '0' }
end

local function take(key, companion_key, h, m)
  local held = parts(h, m.stamp)
  local target = merge(held, m)
  local sum = target.red + target.pg
  local newer = m.stamp > h.stamp
  -- A counter's life belongs to its generation; within one the newer state tells it. A bypass writer's word on it isn't believed.
  local expires = h.expires
  if h.companion then expires = h.companion.expires end
  local changed = h.bypass and (h.sum ~= sum or not same_moment(h.expires, expires)) and m.stamp >= h.stamp
  if not held or m.gen > held.gen or (m.gen == held.gen and (newer or h.kind == 'absent')) then expires = m.expires end
  local dead = expires ~= nil and expires <= now_ms
  if held and target.gen == held.gen and target.red == held.red and target.pg == held.pg and not newer
    and not (h.kind == 'absent' and not dead) and not changed then
    local from_message = target.gen == m.gen and target.red == m.red and target.pg == m.pg
    return { 'kept', text(h.stamp), (from_message and same_moment(h.expires, m.expires)) and '1' or '0' }
  end
  put(key, sum, expires)
  if m.gen > 0 or m.stamp > 0 then
    write_companion(companion_key, { gen = target.gen, pg = target.pg, last = sum, term = fence.term, stamp = math.max(h.stamp, m.stamp),
      expires = expires, ops = merged_operations(held, h, m) })
  end
  local overwrote = h.kind == 'value' and h.bypass and (h.companion ~= nil or h.sum ~= sum)
  return { 'applied', overwrote and '1' or '0' }
end

local results = {}
for i = 1, count do
  local key, companion_key = KEYS[2 + i * 2], KEYS[3 + i * 2]
  local a = 6 + (i - 1) * 7
  local id = ARGV[a]
  local m = { gen = tonumber(ARGV[a + 1]), red = tonumber(ARGV[a + 2]), pg = tonumber(ARGV[a + 3]), stamp = tonumber(ARGV[a + 4]), expires = tonumber(ARGV[a + 5]), ops = ARGV[a + 6] }
  local h = held_counter(key, companion_key)
  if h.kind == 'unreadable' then
    results[i] = { 'rejected', h.reason }
  elseif (complete and fence.role ~= 'mirror') or (authority and h.term == fence.term) then
    -- Nothing is missing in an authority that is complete, nor in one that was closed: it may be opened again.
    results[i] = { 'kept', text(h.stamp), (h.kind == 'value' and h.red + h.pg == m.red + m.pg and h.gen == m.gen) and '1' or '0' }
  elseif authority then
    results[i] = put_back(key, companion_key, id, h, m)
  else
    results[i] = take(key, companion_key, h, m)
  end
end
return { 'ok', fence.raw, results }
`;
