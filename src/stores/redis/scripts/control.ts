/** The small scripts: clearing repair-log entries, and the fence's transitions. */
import { RETENTION_MS } from "../../state.js";
import { PRELUDE } from "./prelude.js";

/**
 * A full Redis (`noeviction`) refuses a script whose first write may need memory; after a delete it lets the script go on. The fence
 * and the tasks are small and of a fixed size, and without them a full Redis couldn't be read, drained or left.
 */
const FENCE_PRELUDE = `${PRELUDE}
local function replace_fence(key, fence)
  redis.call('DEL', key)
  write_fence(key, fence)
end
`;

/**
 * Removes entries whose stamp is not above the one given; a confirmed tombstone begins its retention.
 * KEYS: log, then the companions of those that may be tombstones. ARGV: number of entries, their ids, their stamps, then for each
 * companion the place of its entry.
 */
export const CLEAR_LOG = `
local count = tonumber(ARGV[1])
-- Lua passes no more than some thousands of arguments.
local STEP = 1000
-- ZMSCORE exists from Redis 6.2 on.
local function stamps_of(from, to)
  local held = redis.pcall('ZMSCORE', KEYS[1], unpack(ARGV, from + 1, to + 1))
  if not held.err then return held end
  held = {}
  for i = from, to do held[i - from + 1] = redis.call('ZSCORE', KEYS[1], ARGV[i + 1]) end
  return held
end
local is_gone = {}
for from = 1, count, STEP do
  local to = math.min(from + STEP - 1, count)
  local stamps, gone = stamps_of(from, to), {}
  for i = from, to do
    local held, stamp = stamps[i - from + 1], tonumber(ARGV[count + i + 1])
    if held and tonumber(held) <= stamp then
      gone[#gone + 1] = ARGV[i + 1]
      is_gone[i] = true
    end
  end
  if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
end
for k = 2, #KEYS do
  if is_gone[tonumber(ARGV[count * 2 + k])] then
    local digest = string.match(redis.call('GET', KEYS[k]) or '', '^%d+ %d+ %S+ (%S+) ')
    if digest == '-' then redis.call('PEXPIRE', KEYS[k], ${RETENTION_MS}) end
  end
end
return 1
`;

/** Takes the mark of a full log away if it is still this one. KEYS: mark. ARGV: its text. Returns 0 if another one stands. */
export const FORGET_OVERFLOW = `
local mark = redis.call('GET', KEYS[1])
if mark and mark ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
`;

/** Creates the fence where none is. KEYS: fence. ARGV: the fence's text. Returns what stands afterwards. */
export const CREATE_FENCE = `
if not redis.call('GET', KEYS[1]) then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], ARGV[1])
end
return redis.call('GET', KEYS[1])
`;

/**
 * `authority` → `closed`, at exactly the term, unless a log has left out entries. KEYS: fence, then the marks of logs that must have
 * left out none. ARGV: term, run id. Returns 1 if closed afterwards.
 */
export const CLOSE_FENCE = `${FENCE_PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if not fence or fence.run ~= ARGV[2] or fence.term ~= term then return 0 end
if fence.role == 'authority' then
  for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
  end
  fence.role = 'closed'
  replace_fence(KEYS[1], fence)
end
return fence.role == 'closed' and 1 or 0
`;

/** A lower term → authority at `term`. KEYS: fence. ARGV: term, run id. Returns 1 if authority at `term` afterwards. */
export const OPEN_FENCE = `${FENCE_PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if not fence or fence.run ~= ARGV[2] then return 0 end
if fence.term < term then
  fence.term = term
  fence.role = 'authority'
  replace_fence(KEYS[1], fence)
end
return (fence.term == term and fence.role == 'authority') and 1 or 0
`;

/** A lower term → mirror at `term`. KEYS: fence. ARGV: term, run id. */
export const RAISE_FENCE = `${FENCE_PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if fence and fence.run == ARGV[2] and fence.term < term then
  fence.term = term
  fence.role = 'mirror'
  replace_fence(KEYS[1], fence)
end
return 1
`;

/**
 * Marks collections (separated by commas; `*`: all that there may be) complete or incomplete. KEYS: fence, and a task if it matters.
 * ARGV: collections, `1` or `0`, run id, then the term and the task's owner, who copied them: what bare values there are came before that.
 */
export const SET_COMPLETE = `${FENCE_PRELUDE}
local fence = read_fence(KEYS[1])
if not fence or fence.run ~= ARGV[3] then return 0 end
if ARGV[4] and fence.term ~= tonumber(ARGV[4]) then return 0 end
if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[5] then return 0 end
local complete = ARGV[2] == '1'
if ARGV[1] == '*' then
  fence.complete = complete
  fence.names = '-'
  if complete then fence.trusted = false end
else
  local names, given = {}, ',' .. ARGV[1] .. ','
  for name in string.gmatch(fence.names, '[^,]+') do
    if name ~= '-' and not string.find(given, ',' .. name .. ',', 1, true) then names[#names + 1] = name end
  end
  if complete ~= fence.complete then names[#names + 1] = ARGV[1] end
  fence.names = #names > 0 and table.concat(names, ',') or '-'
  if complete and KEYS[2] then fence.trusted = false end
end
replace_fence(KEYS[1], fence)
return 1
`;

/**
 * After a memory loss: sets the fence to what is claimed, only where none is, another server's memory speaks, or the term is lower
 * (or the same and not agreed). What was lost is judged here: the claimer looked some time ago. A task that fills this memory begins
 * anew. KEYS: fence, task. ARGV: term, role, run id, `1` if complete, `1` if agreed. Returns what stands afterwards.
 */
export const CLAIM_MEMORY = `${FENCE_PRELUDE}
local fence, term, run = read_fence(KEYS[1]), tonumber(ARGV[1]), ARGV[3]
if not fence or fence.run ~= run or fence.term < term or (fence.term == term and fence.agreed == '0') then
  local trusted = fence == nil or (fence.run == run and fence.trusted)
  fence = { term = term, role = ARGV[2], run = run, complete = ARGV[4] == '1', names = '-', trusted = trusted, agreed = ARGV[5] }
  redis.call('DEL', KEYS[2])
  replace_fence(KEYS[1], fence)
end
return fence.raw
`;

/** Renews a task that the owner still has; for 0 ms it ends at once. KEYS: task. ARGV: owner, milliseconds. Returns 1 if he has. */
export const RENEW_TASK = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** Takes or renews a task. KEYS: task. ARGV: owner, milliseconds. Returns 1 if it is the owner's now. */
export const CLAIM_TASK = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;
