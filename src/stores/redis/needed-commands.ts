/** The commands that the library sends, and whether the user it connects as may run them. */
import type { Redis } from "ioredis";

/** Each with arguments by which a server tells which keys it touches; `{key}` stands for a legacy key. */
const USED: readonly string[] = [
  "GET {key}",
  "MGET {key}",
  "EXISTS {key}",
  "TYPE {key}",
  "STRLEN {key}",
  "SET {key} v",
  "SETNX {key} v",
  "DEL {key}",
  "INCRBY {key} 1",
  "PTTL {key}",
  "EXPIRE {key} 1",
  "PEXPIRE {key} 1",
  "PEXPIREAT {key} 1",
  "PERSIST {key}",
  "SADD {key} m",
  "SREM {key} m",
  "SMEMBERS {key}",
  "HGET {key} f",
  "HGETALL {key}",
  "HSET {key} f v",
  "HSETNX {key} f v",
  "HDEL {key} f",
  "ZADD {key} 1 m",
  "ZCARD {key}",
  "ZRANGE {key} 0 1",
  "ZREVRANGE {key} 0 1",
  "ZREM {key} m",
  "ZSCORE {key} m",
  "SCAN 0",
  "DBSIZE",
  "TIME",
  "INFO",
  "EVALSHA",
  "EVAL",
];

/** Allowed besides, and done without where a server refuses them. */
const WELCOME = ["select", "ping", "client|setname", "config|get", "acl|whoami"];
/** The same, where a server knows it. */
const SINCE_7 = ["pexpiretime"];

const NEEDED_COMMANDS = USED.map((call) => (call.split(" ")[0] as string).toLowerCase());

/** No more than the library needs for these key patterns. `version`: the server's, if it is known. */
export function leastAcl(user: string, patterns: readonly string[], version = ""): string {
  const keys = patterns.map((pattern) => `~${pattern}`).join(" ");
  const commands = [
    ...NEEDED_COMMANDS,
    "multi",
    "exec",
    ...WELCOME,
    ...(Number.parseInt(version, 10) < 7 ? [] : SINCE_7),
  ]
    .map((command) => `+${command}`)
    .join(" ");
  return `ACL SETUSER ${user} on >PASSWORD resetchannels resetkeys ${keys} -@all ${commands}`;
}

/** Since 7.0 a script can ask whether its user may run a command, without running it. */
const REFUSED = `
if not redis.acl_check_cmd then return nil end
local refused = {}
for n = 2, #ARGV do
  local call, words = ARGV[n], {}
  for word in string.gmatch(call, '%S+') do words[#words + 1] = word == '{key}' and ARGV[1] or word end
  local known, allowed = pcall(redis.acl_check_cmd, unpack(words))
  if not (known and allowed) then refused[#refused + 1] = words[1] end
end
return refused
`;

/** Those that the user may not run on a key like this one. Null: a server before 7.0 can't be asked. */
export async function refusedCommands(client: Redis, key: string): Promise<string[] | null> {
  const asked = USED.filter((call) => !call.startsWith("EVAL"));
  // Not told as a key of the script's: it is asked about one that it may not touch.
  return (await client.eval(REFUSED, 0, key, ...asked)) as string[] | null;
}
