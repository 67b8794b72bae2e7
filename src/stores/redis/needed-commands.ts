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
/** The same, where a server knows them. */
const SINCE_6_2 = ["zmscore"];
const SINCE_7 = ["pexpiretime"];

const NEEDED_COMMANDS = USED.map((call) => (call.split(" ")[0] as string).toLowerCase());

/** What the operator's commands read besides: audit, backup and phase-out. */
const LOOKING = "type strlen hlen llen scard zcard xlen object|idletime memory|usage dump sync replconf".split(" ");
const LOOKING_AROUND = "randomkey unlink client|id client|list".split(" ");
/** What a restore sends to a server that is to be filled. */
const FILLING = "info time dbsize flushdb restore hgetall hset del multi exec".split(" ");

/** The least that suffices, each as a command to copy. */
export interface LeastAcls {
  /** For backends. */
  readonly application: string;
  /** For all commands but `restore`. Reads every key of the server. */
  readonly operator: string;
  /** For `restore`, on the server that is to be filled. */
  readonly restore: string;
}

/** `patterns`: of the keys that the library writes. `version`: the server's, if it is known. */
export function leastAcls(patterns: readonly string[], version = ""): LeastAcls {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const later = [...(major > 6 || (major === 6 && minor >= 2) ? SINCE_6_2 : []), ...(major >= 7 ? SINCE_7 : [])];
  const noTouch = major > 7 || (major === 7 && minor >= 2) ? ["client|no-touch"] : [];
  const own = patterns.map((pattern) => `~${pattern}`);
  const application = [...NEEDED_COMMANDS, "multi", "exec", ...WELCOME, ...later];
  const operator = [...application, ...LOOKING, ...LOOKING_AROUND, ...noTouch];
  return {
    application: acl("dual-write", own, application),
    // Before 7.0 reading can't be allowed without writing.
    operator: acl("dual-write-operator", major >= 7 ? [...own, "%R~*"] : ["~*"], operator),
    restore: acl("dual-write-restore", ["~*"], [...FILLING, ...WELCOME]),
  };
}

function acl(user: string, keys: readonly string[], commands: readonly string[]): string {
  const allowed = [...new Set(commands)].map((command) => `+${command}`);
  return `ACL SETUSER ${user} on >PASSWORD resetchannels resetkeys ${keys.join(" ")} -@all ${allowed.join(" ")}`;
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
