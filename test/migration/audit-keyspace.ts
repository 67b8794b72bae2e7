/** A keyspace to audit, and what an independent look at it finds: by KEYS and expressions of its own, key by key. */
import type { Redis } from "ioredis";
import { ODDITIES } from "./legacy-oddities.js";

/** What would give a person away. */
export const SECRETS = [
  "plain@example.org",
  "ann@example.org",
  "Ann@Example.org",
  "10.0.0.1",
  "198.51.100.7",
  "2001:db8::1",
  "token-1",
  "eyJhbGciOiJIUzI1NiJ9",
  "quoted@example.org",
];

/** Names that a page, a terminal or a pattern would stumble over. */
export const HOSTILE: readonly (string | Buffer)[] = [
  `threadr:email:<script>alert("1")</script>@example.org`,
  `threadr:email:"><img src=x onerror=alert(2)>@example.org`,
  "threadr:email:line\nbreak\u001b[31m@example.org",
  "threadr:email:\u202ereversed@example.org",
  "threadr:session:eyJhbGciOiJIUzI1NiJ9.</td></table><h1>gotcha</h1>",
  `unknown:${"k".repeat(10_000)}`,
  Buffer.concat([Buffer.from("unknown:"), Buffer.from([0x00, 0xff, 0xfe, 0x80])]),
  "__proto__",
  "constructor:x",
];

const FOREIGN: readonly (readonly [key: string, write: (redis: Redis, key: string) => Promise<unknown>])[] = [
  ["bull:mail:1", (redis, key) => redis.hset(key, "name", "welcome")],
  ["bull:mail:wait", (redis, key) => redis.lpush(key, "1", "2")],
  ["celery", (redis, key) => redis.lpush(key, "{}")],
  ["_kombu.binding.celery", (redis, key) => redis.sadd(key, "celery")],
  ["queue:default", (redis, key) => redis.lpush(key, "{}")],
  ["lock:invoices", (redis, key) => redis.set(key, "1", "PX", 30_000)],
  ["sess:abc", (redis, key) => redis.set(key, "{}", "EX", 3600)],
  ["rl:198.51.100.7", (redis, key) => redis.set(key, "1", "EX", 60)],
  ["threadr:lock:checkout", (redis, key) => redis.set(key, "1", "PX", 30_000)],
  ["stream:events", (redis, key) => redis.xadd(key, "*", "a", "1")],
];

export async function writeKeyspace(redis: Redis): Promise<void> {
  for (const { key, write } of ODDITIES) await write(redis, key);
  for (const [key, write] of FOREIGN) await write(redis, key);
  for (const key of HOSTILE) await redis.set(key, "{}", "EX", 7 * 86_400);
  for (let n = 0; n < 300; n++) {
    await redis.set(`threadr:usage:email:person${n}@example.org:daily:2026-11-20`, n, "EX", 2_592_000 - n);
  }
  await redis.set("threadr:email:Ann@Example.org", "{}", "EX", 63_072_000);
  await redis.set("threadr:usage:email:Ann@Example.org:monthly:2026-11", "3", "EX", 31_536_000);
  await redis.set("threadr:usage:ip:x:daily:2026-11-20:monthly:2026-11", "3", "EX", 31_536_000);
  await redis.set("dual-write:{threadr:email:plain@example.org}", "2 1 - - -");
}

/** The legacy keyspace as its table has it; the first that fits counts. */
const TABLE: readonly (readonly [pattern: string, shape: RegExp])[] = [
  ["threadr:premium:ip:*", /^threadr:premium:ip:./s],
  ["threadr:premium:email:*", /^threadr:premium:email:./s],
  ["threadr:subscription:user:*", /^threadr:subscription:user:./s],
  ["threadr:subscriptions:active", /^threadr:subscriptions:active$/],
  ["threadr:emails:list", /^threadr:emails:list$/],
  ["threadr:email:*", /^threadr:email:./s],
  ["threadr:usage:stats", /^threadr:usage:stats$/],
  ["threadr:usage:log:*", /^threadr:usage:log:.*:[\d.]+$/s],
  ...["ip", "email", "user"].flatMap((kind): [string, RegExp][] => [
    [`threadr:usage:${kind}:*:daily:*`, new RegExp(`^threadr:usage:${kind}:.+:daily:\\d{4}-\\d\\d-\\d\\d$`, "s")],
    [`threadr:usage:${kind}:*:monthly:*`, new RegExp(`^threadr:usage:${kind}:.+:monthly:\\d{4}-\\d\\d$`, "s")],
  ]),
  ["threadr:cache:url:*", /^threadr:cache:url:./s],
  ["threadr:cache:text:*", /^threadr:cache:text:[0-9a-f]{16}$/],
  ["threadr:session:*", /^threadr:session:./s],
  ["dual-write:*", /^dual-write:/],
];

export interface Look {
  readonly keys: number;
  readonly patterns: Readonly<Record<string, number>>;
  /** Keys outside the table. */
  readonly others: number;
  readonly types: Readonly<Record<string, number>>;
  readonly withoutExpiry: number;
  readonly stringBytes: number;
  readonly memory: number;
}

/** `pattern` null: outside the table. */
function patternOf(key: Buffer): string | null {
  return TABLE.find(([, shape]) => shape.test(key.toString()))?.[0] ?? null;
}

export async function lookIndependently(redis: Redis): Promise<Look> {
  const keys = (await redis.callBuffer("KEYS", "*")) as Buffer[];
  const patterns: Record<string, number> = {};
  const types: Record<string, number> = {};
  let [others, withoutExpiry, stringBytes, memory] = [0, 0, 0, 0];
  for (const key of keys) {
    const pattern = patternOf(key);
    if (pattern === null) others++;
    else patterns[pattern] = (patterns[pattern] ?? 0) + 1;
    const type = await redis.type(key);
    types[type] = (types[type] ?? 0) + 1;
    if ((await redis.ttl(key)) === -1) withoutExpiry++;
    if (type === "string") stringBytes += (await redis.getBuffer(key))?.length ?? 0;
    memory += Number(await redis.call("MEMORY", "USAGE", key));
  }
  return { keys: keys.length, patterns, others, types, withoutExpiry, stringBytes, memory };
}
