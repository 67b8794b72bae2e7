/** The small scripts: clearing repair-log entries, and the fence's transitions. */
import { PRELUDE } from "./prelude.js";

/**
 * Removes entries whose stamp is not above the one given; a confirmed tombstone begins its retention.
 * KEYS: log, then for each entry its companion. ARGV: `1` for records, then for each entry: id, stamp.
 */
export const CLEAR_LOG = `${PRELUDE}
local records = ARGV[1] == '1'
for i = 1, #KEYS - 1 do
  local id, stamp = ARGV[i * 2], tonumber(ARGV[i * 2 + 1])
  local held = tonumber(redis.call('ZSCORE', KEYS[1], id) or '-1')
  if held >= 0 and held <= stamp then
    redis.call('ZREM', KEYS[1], id)
    if records then
      local digest = string.match(redis.call('GET', KEYS[1 + i]) or '', '^%d+ %d+ %S+ (%S+) ')
      if digest == '-' then redis.call('PEXPIRE', KEYS[1 + i], RETENTION) end
    end
  end
end
return 1
`;

/** Creates the fence where none is. KEYS: fence. ARGV: the fence's text. Returns what stands afterwards. */
export const CREATE_FENCE = `
if not redis.call('GET', KEYS[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return redis.call('GET', KEYS[1])
`;

/**
 * `authority` → `closed`, at exactly the term, unless a log has left out entries. KEYS: fence, then the marks of logs that must have
 * left out none. ARGV: term, run id. Returns 1 if closed afterwards.
 */
export const CLOSE_FENCE = `${PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if not fence or fence.run ~= ARGV[2] or fence.term ~= term then return 0 end
if fence.role == 'authority' then
  for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
  end
  fence.role = 'closed'
  write_fence(KEYS[1], fence)
end
return fence.role == 'closed' and 1 or 0
`;

/** A lower term → authority at `term`. KEYS: fence. ARGV: term, run id. Returns 1 if authority at `term` afterwards. */
export const OPEN_FENCE = `${PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if not fence or fence.run ~= ARGV[2] then return 0 end
if fence.term < term then
  fence.term = term
  fence.role = 'authority'
  write_fence(KEYS[1], fence)
end
return (fence.term == term and fence.role == 'authority') and 1 or 0
`;

/** A lower term → mirror at `term`. KEYS: fence. ARGV: term, run id. */
export const RAISE_FENCE = `${PRELUDE}
local fence, term = read_fence(KEYS[1]), tonumber(ARGV[1])
if fence and fence.run == ARGV[2] and fence.term < term then
  fence.term = term
  fence.role = 'mirror'
  write_fence(KEYS[1], fence)
end
return 1
`;

/** Marks a collection (`*`: all) complete or incomplete. KEYS: fence. ARGV: collection, `1` or `0`, run id, and the term if it matters. */
export const SET_COMPLETE = `${PRELUDE}
local fence = read_fence(KEYS[1])
if not fence or fence.run ~= ARGV[3] then return 0 end
if ARGV[4] and fence.term ~= tonumber(ARGV[4]) then return 0 end
local complete = ARGV[2] == '1'
if ARGV[1] == '*' then
  fence.complete = complete
  fence.names = '-'
  if complete then fence.trusted = false end
else
  local names = {}
  for name in string.gmatch(fence.names, '[^,]+') do
    if name ~= '-' and name ~= ARGV[1] then names[#names + 1] = name end
  end
  if complete ~= fence.complete then names[#names + 1] = ARGV[1] end
  fence.names = #names > 0 and table.concat(names, ',') or '-'
end
write_fence(KEYS[1], fence)
return 1
`;

/**
 * After a memory loss: sets the fence to what is claimed, only where none is, another server's memory speaks, or the term is lower
 * (or the same and not agreed). What was lost is judged here: the claimer looked some time ago. KEYS: fence. ARGV: term, role,
 * run id, `1` if complete, `1` if agreed. Returns what stands afterwards.
 */
export const CLAIM_MEMORY = `${PRELUDE}
local fence, term, run = read_fence(KEYS[1]), tonumber(ARGV[1]), ARGV[3]
if not fence or fence.run ~= run or fence.term < term or (fence.term == term and fence.agreed == '0') then
  local trusted = fence == nil or (fence.run == run and fence.trusted)
  fence = { term = term, role = ARGV[2], run = run, complete = ARGV[4] == '1', names = '-', trusted = trusted, agreed = ARGV[5] }
  write_fence(KEYS[1], fence)
end
return fence.raw
`;

/** Takes or renews a task. KEYS: task. ARGV: owner, milliseconds. Returns 1 if it is the owner's now. */
export const CLAIM_TASK = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;
