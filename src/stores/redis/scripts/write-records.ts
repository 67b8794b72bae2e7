/** The authority's step for records: fence, compare, write, stamp, operation id, repair-log entry, in one atomic script. */
import { RECORD_PRELUDE } from "./prelude.js";

/**
 * KEYS: fence, log, overflow, then for each record its key, its companion and the keys that follow it.
 * ARGV: term, run id, collection, log limit, count, then for each record: id, operation id, change (`set`/`delete`), bytes,
 * expiry (ms, `-`, `keep`), `1` if something is expected, expected stamp, expected digest (`-`: nothing live), `1` if
 * compared, number of follow keys, and three arguments for each of those.
 */
export const WRITE_RECORDS = `${RECORD_PRELUDE}
local fence = read_fence(KEYS[1])
local term, run, collection, limit, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not fence or fence.run ~= run or fence.term ~= term or fence.role ~= 'authority' then
  return { 'fenced', fence and fence.raw or '' }
end
local complete = is_complete(fence, collection)
-- An operation of several records is done whole or not at all: what refuses one of them refuses the others, and so does what may
-- stand in the other store only.
local refused, suspects, before = {}, {}, nil
local k, a = 4, 6
for i = 1, count do
  local op, follows = ARGV[a + 1], tonumber(ARGV[a + 9])
  local next_a = a + 10 + follows * 3
  if op == before or (i < count and op == ARGV[next_a + 1]) then
    local type = redis.call('TYPE', KEYS[k]).ok
    if type ~= 'string' and type ~= 'none' then
      refused[op] = 'a key of the operation holds another Redis type'
    elseif not can_follow(k + 2, a + 10, follows) then
      refused[op] = FOLLOWED_BY_OTHER
    end
  end
  if not complete and ARGV[a + 8] ~= '1' then
    local h = held_record(KEYS[k], KEYS[k + 1])
    if h.kind ~= 'unreadable' and h.term ~= term and (h.bypass or h.kind == 'vanished' or not has_operation(h.ops, op)) then
      suspects[op] = true
    end
  end
  before = op
  k = k + 2 + follows
  a = next_a
end

-- Writes what was decided. The answer is the companion's own text, which the caller takes apart as he does when he reads one.
local function write(key, companion_key, id, bytes, c, k, a, follows)
  if bytes then
    c.digest = redis.sha1hex(bytes)
    put_value(key, bytes, c.expires)
  else
    redis.call('DEL', key)
  end
  local raw = write_companion(companion_key, c)
  follow(k, a, follows, c.stamp)
  log_entry(KEYS[2], KEYS[3], limit, id, c.stamp)
  return raw
end

-- A write that asks nothing of what stands needs to know of it only the companion, and that no key of another type is in its way.
local function write_plainly(key, companion_key, id, op, bytes, expires, k, a, follows)
  local c = parse_companion(redis.call('GET', companion_key)) or { stamp = 0, ops = '-' }
  if has_operation(c.ops, op) or type(redis.pcall('STRLEN', key)) == 'table' or not can_follow(k, a, follows) then return nil end
  return write(key, companion_key, id, bytes,
    { stamp = next_stamp(c.stamp), term = term, digest = '-', expires = expires, ops = append_operation(c.ops, op, RECORD_OPS) }, k, a, follows)
end

local results = {}
k, a = 4, 6
for i = 1, count do
  local key, companion_key = KEYS[k], KEYS[k + 1]
  local id, op, change, bytes, expires = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local expecting, exp_stamp, exp_digest, follows = ARGV[a + 5] == '1', tonumber(ARGV[a + 6]), ARGV[a + 7], tonumber(ARGV[a + 9])
  if complete and not expecting and expires ~= 'keep' and not refused[op] then
    local bytes = change == 'set' and bytes or nil
    results[i] = write_plainly(key, companion_key, id, op, bytes, bytes and tonumber(expires), k + 2, a + 10, follows)
  end
  local h = not results[i] and held_record(key, companion_key)
  local live = h and h.kind == 'value'
  if results[i] then
    -- Done.
  elseif h.kind == 'unreadable' then
    results[i] = { 'rejected', 'the key holds another Redis type' }
  elseif suspects[op] and not refused[op] then
    results[i] = { 'suspect' }
  elseif has_operation(h.ops, op) then
    -- What a bypass writer did since gets a stamp of its own: under the old one the mirror would never learn it.
    if h.bypass or h.kind == 'vanished' then
      adopt_record(key, companion_key, h, term, 0, KEYS[2], KEYS[3], limit, id)
      live = h.kind == 'value'
    end
    results[i] = { 'repeated', text(h.stamp), h.raw or '', or_dash(h.expires), h.ops, live and '1' or '0' }
  elseif expecting and (exp_stamp ~= h.stamp or (live and h.digest or '-') ~= exp_digest) then
    results[i] = { 'conflict' }
  elseif refused[op] then
    results[i] = { 'rejected', refused[op] }
  elseif not can_follow(k + 2, a + 10, follows) then
    results[i] = { 'rejected', FOLLOWED_BY_OTHER }
  else
    local c = { stamp = next_stamp(h.stamp), term = term, digest = '-', ops = append_operation(h.ops, op, RECORD_OPS) }
    if change == 'set' then
      if expires == 'keep' then c.expires = live and h.expires or nil else c.expires = tonumber(expires) end
    end
    results[i] = write(key, companion_key, id, change == 'set' and bytes or nil, c, k + 2, a + 10, follows)
  end
  k = k + 2 + follows
  a = a + 10 + follows * 3
end
return { 'ok', fence.raw, results }
`;
