/** The authority's step for counters: all increments of one call, their ids, stamps and repair-log entries, in one atomic script. */
import { COUNTER_PRELUDE } from "./counter-prelude.js";

/**
 * KEYS: fence, log, overflow, then for each counter its key and companion.
 * ARGV: term, run id, collection, log limit, count, then for each: id, by, operation id, ttl in ms (`-`: none), `1` to renew, `1` if compared.
 */
export const ADD_TO_COUNTERS = `${COUNTER_PRELUDE}
local fence = read_fence(KEYS[1])
local term, run, collection, limit, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not fence or fence.run ~= run or fence.term ~= term or fence.role ~= 'authority' then
  return { 'fenced', fence and fence.raw or '' }
end
local complete, alone = is_complete(fence, collection), fence.agreed == '0'
-- Looked at whole before anything is written: one counter that can't be counted now stops its operation. Of several operations
-- that count one counter each finds what the one before it left.
local counters, suspects, counted, results = {}, {}, {}, {}
for i = 1, count do
  local h = held_counter(KEYS[2 + i * 2], KEYS[3 + i * 2])
  local a = 6 * i
  counters[i] = h
  if h.kind ~= 'unreadable' and not complete and ARGV[a + 5] ~= '1' and h.term ~= term and (h.bypass or not has_operation(h.ops, ARGV[a + 2])) then
    suspects[ARGV[a + 2]] = true
  end
end
for i = 1, count do
  local h, a = counters[i], 6 * i
  local key, companion_key = KEYS[2 + i * 2], KEYS[3 + i * 2]
  if counted[key] then h = held_counter(key, companion_key) end
  counted[key] = true
  local id, by, op, ttl, renew = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], tonumber(ARGV[a + 3]), ARGV[a + 4] == '1'
  if h.kind == 'unreadable' then
    results[i] = { 'rejected', h.reason }
  elseif suspects[op] then
    results[i] = { 'suspect' }
  elseif has_operation(h.ops, op) then
    if h.bypass and not alone then adopt_counter(key, companion_key, h, term, -1, 0, KEYS[2], KEYS[3], limit, id) end
    local c = h.companion
    local pg = h.kind == 'value' and h.pg or c.pg
    results[i] = { 'repeated', text(c.gen), text(h.kind == 'value' and h.red or math.max(c.last - c.pg, 0)), text(pg), text(h.stamp), or_dash(h.kind == 'value' and h.expires or c.expires), h.ops, alone and '1' or '0' }
  elseif h.sum + by > 9007199254740991 then
    results[i] = { 'rejected', 'the counter would pass 2^53 - 1' }
  else
    local fresh = h.kind == 'absent'
    -- A Redis that serves alone may have forgotten what the other store counted. What it counts stands beside the last sum known,
    -- as a bypass writer's does, to be added to the other store's when that is back.
    local known
    if alone and not h.companion then
      known = fence.trusted and 0 or h.sum
      h.gen, h.pg = 0, 0
    elseif alone and not fresh and not h.fell then
      known = h.companion.last
    elseif fresh or h.fell or not h.companion then
      h.gen, h.pg = math.max(now_micros, (h.companion and h.companion.gen or 0) + 1), 0
    end
    -- What counts nothing, since a bypass writer deleted it, begins its time with the first increment.
    local begins = h.sum == 0
    h.sum = redis.call('INCRBY', key, by)
    if ttl and (begins or renew) then
      h.expires = now_ms + ttl
      redis.call('PEXPIREAT', key, text(h.expires))
    end
    local c = { gen = h.gen, pg = h.pg, last = known or h.sum, term = term, stamp = next_stamp(h.stamp), expires = h.expires, ops = append_operation(h.ops, op, COUNTER_OPS) }
    write_companion(companion_key, c)
    log_entry(KEYS[2], KEYS[3], limit, id, c.stamp)
    results[i] = { 'added', text(c.gen), text(h.sum - c.pg), text(c.pg), text(c.stamp), or_dash(c.expires), c.ops, alone and '1' or '0' }
  end
end
return { 'ok', fence.raw, results }
`;
