/** One write of one record as a Redis script that keeps some of the promises: as little Lua as each of them takes. */
import type { Promised } from "./rungs.js";

/**
 * KEYS: key, companion, fence, log. ARGV: value, expiry (ms since the epoch), id, operation id, term. Returns the stamp.
 * The companion's form is the library's: stamp, term, expiry, digest, operation ids.
 */
export function redisScript(promises: ReadonlySet<Promised>): string {
  const parts: string[] = [];
  if (promises.has("fence")) parts.push(FENCE);
  if (promises.has("stamp")) parts.push(promises.has("companion") ? READ_COMPANION : READ_STAMP);
  if (promises.has("operation id")) parts.push(OPERATION);
  if (promises.has("stamp")) parts.push(STAMP);
  if (promises.has("companion")) {
    const operations = promises.has("operation id") ? "operations" : "'-'";
    parts.push(
      WRITE_VALUE,
      `redis.call('SET', KEYS[2], string.format('%.0f %s %s %s %s', stamp, ARGV[5], ARGV[2], redis.sha1hex(ARGV[1]), ${operations}),
  'PXAT', string.format('%.0f', tonumber(ARGV[2]) + 1209600000))`,
    );
  } else {
    parts.push(WRITE_VALUE);
    if (promises.has("stamp")) parts.push("redis.call('SET', KEYS[2], string.format('%.0f', stamp))");
  }
  if (promises.has("log entry and its clearing")) parts.push(LOG);
  parts.push(promises.has("stamp") ? "return string.format('%.0f', stamp)" : "return 0");
  return parts.join("\n");
}

const WRITE_VALUE = "redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])";

const FENCE = `local term, role = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%a+) ')
if term ~= ARGV[5] or role ~= 'authority' then return 'fenced' end`;

const READ_STAMP = "local held = tonumber(redis.call('GET', KEYS[2]) or '0')";

/** What stands is compared with what its companion tells of, so that a bypass writer's change is seen. */
const READ_COMPANION = `local raw = redis.call('GET', KEYS[1])
local held, expires, digest, known = 0, nil, nil, '-'
local companion = redis.call('GET', KEYS[2])
if companion then
  local s, e, d, o = string.match(companion, '^(%d+) %d+ (%S+) (%S+) (%S+)$')
  held, expires, digest, known = tonumber(s), tonumber(e), d, o
end
local bypassed = raw and (digest ~= redis.sha1hex(raw) or expires ~= redis.call('PEXPIRETIME', KEYS[1]))`;

const OPERATION = `if string.find(',' .. known .. ',', ',' .. ARGV[4] .. ',', 1, true) then return 'repeated' end
local list = {}
for id in string.gmatch(known, '[^,]+') do if id ~= '-' then list[#list + 1] = id end end
list[#list + 1] = ARGV[4]
local operations = table.concat(list, ',', math.max(1, #list - 15), #list)`;

const STAMP = `local clock = redis.call('TIME')
local stamp = math.max(tonumber(clock[1]) * 1000000 + tonumber(clock[2]), held + 1)
if stamp % 2 == 1 then stamp = stamp + 1 end`;

const LOG = `if redis.call('ZSCORE', KEYS[4], ARGV[3]) or redis.call('ZCARD', KEYS[4]) < 1000000 then
  redis.call('ZADD', KEYS[4], string.format('%.0f', stamp), ARGV[3])
end`;

/** KEYS: log. ARGV: for each entry its id and stamp. */
export const CLEAR = `for i = 1, #ARGV, 2 do
  local held = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '-1')
  if held >= 0 and held <= tonumber(ARGV[i + 1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end`;
