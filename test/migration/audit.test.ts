/** The audit on real servers: what it counts, what it leaves alone, what it reveals. */
import { readFile } from "node:fs/promises";
import { pgTable, text } from "drizzle-orm/pg-core";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineRecords } from "../../src/engine/define-records.js";
import { ConfigurationError } from "../../src/errors.js";
import { audit, auditKeyspace } from "../../src/migration/audit/audit.js";
import { resolveAudit } from "../../src/migration/audit/audit-options.js";
import { auditPage } from "../../src/migration/audit/audit-page.js";
import type { AuditReport } from "../../src/migration/audit/audit-report.js";
import { TTL_BUCKETS } from "../../src/migration/audit/ttl-buckets.js";
import { bindCollections } from "../../src/migration/bind-collections.js";
import { syncColumns } from "../../src/schema/sync-columns.js";
import { Guard } from "../../src/stores/guard.js";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import type { RedisServer } from "../servers/redis-server.js";
import { freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";
import { HOSTILE, lookIndependently, SECRETS, writeKeyspace } from "./audit-keyspace.js";

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await freshRedis();
  redis = new Redis(server.url);
});

beforeEach(async () => {
  await redis.flushall();
});

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

const DAY = 86_400_000;
const legacyDate = (ms: number) => new Date(ms).toISOString().slice(0, 23);

function patternOf(report: AuditReport, pattern: string) {
  const found = report.patterns.find((one) => one.pattern === pattern);
  if (!found) throw new Error(`There is no pattern ${pattern}.`);
  return found;
}

describe("what it counts", () => {
  test("is what an independent look counts, and adds up", async () => {
    await writeKeyspace(redis);
    const look = await lookIndependently(redis);
    const report = await audit(server.url, { pageSize: 20 });

    expect(report.state).toBe("finished");
    expect(report.keys).toMatchObject({ distinct: look.keys, vanished: 0, exact: true });
    const known = report.patterns.filter(({ role }) => role !== "foreign" && role !== "unknown");
    const counted = known.filter(({ keys }) => keys > 0).map(({ pattern, keys }) => [pattern, keys]);
    expect(Object.fromEntries(counted)).toEqual(look.patterns);
    const sum = (pick: (one: AuditReport["patterns"][number]) => number) =>
      report.patterns.reduce((total, one) => total + pick(one), 0);
    expect(sum(({ keys }) => keys)).toBe(look.keys);
    expect(sum(({ keys }) => keys) - known.reduce((total, { keys }) => total + keys, 0)).toBe(look.others);
    expect(report.types).toEqual(look.types);
    expect(report.ttl["no expiry"]).toBe(look.withoutExpiry);
    expect(sum(({ ttl }) => TTL_BUCKETS.reduce((all, name) => all + ttl[name], 0))).toBe(look.keys);
    expect(sum(({ valueBytes }) => valueBytes)).toBe(look.stringBytes);
    // So few keys of each pattern that nearly all are measured.
    expect(report.memory.bytes).toBeGreaterThan(look.memory * 0.99);
    expect(report.memory.bytes).toBeLessThan(look.memory * 1.01);
    expect(report.targets).toMatchObject({ users: look.patterns["threadr:email:*"], analytics_timeseries: 1 });
    expect(patternOf(report, "threadr:email:*").otherSpellings).toBe(1);
    expect(report.backfill).toMatchObject({ source: expect.stringMatching(/assumed/) });
  });

  test("names what is odd about keys, types and values", async () => {
    await writeKeyspace(redis);
    const report = await audit(server.url, { checkValues: true });
    const reasons = (pattern: string) =>
      patternOf(report, pattern)
        .odd.map(({ reason }) => reason)
        .join("; ");
    expect(reasons("threadr:email:*")).toMatch(/ends too early/);
    expect(reasons("threadr:email:*")).toMatch(/another Redis type: list instead of string/);
    expect(reasons("threadr:premium:email:*")).toMatch(/the value is empty/);
    expect(reasons("threadr:subscription:user:*")).toMatch(/an object is expected, not an array/);
    expect(reasons("threadr:session:*")).toMatch(/isn't UTF-8/);
    expect(reasons("threadr:session:*")).toMatch(/U\+0000/);
    expect(reasons("threadr:usage:ip:*:daily:*")).toMatch(/not a whole number/);
    expect(reasons("threadr:usage:user:*:daily:*")).toMatch(/hash instead of string/);
    expect(reasons("threadr:cache:url:*")).toMatch(/tweets/);
    const critical = await audit(server.url);
    expect(patternOf(critical, "threadr:premium:email:*").odd).toHaveLength(1);
    expect(critical.odd).toBeLessThan(report.odd);
    expect(critical.notes.join()).toMatch(/--check-values/);
  });

  test("finds what must move before Redis is switched off", async () => {
    await writeKeyspace(redis);
    const report = await audit(server.url);
    const foreign = Object.fromEntries(
      report.patterns.flatMap(({ pattern, keys, foreign: of }) =>
        of ? [[pattern, [of.kind, of.mustMove, keys]]] : [],
      ),
    );
    expect(foreign).toEqual({
      "bull:*": ["queue", true, 2],
      celery: ["queue", true, 1],
      "_kombu.binding.*": ["queue", true, 1],
      "celery-task-meta-*": ["queue", true, 1],
      "queue:*": ["queue", true, 1],
      "lock:*": ["lock", true, 1],
      "threadr:lock:*": ["lock", true, 1],
      "sess:*": ["session", true, 1],
      "rl:*": ["rateLimit", false, 1],
      "threadr:ratelimit:*": ["rateLimit", false, 1],
    });
  });

  test("isn't misled by keys that SCAN gives again", async () => {
    for (let n = 0; n < 500; n++) await redis.set(`threadr:email:p${n}@example.org`, "{}");
    const store = await RedisStore.connect({ redis: server.url });
    repeatPages(store.connection.client);
    try {
      const report = await auditKeyspace(new Guard(store), bindCollections({}), resolveAudit({ pageSize: 50 }));
      expect(report.keys).toMatchObject({ distinct: 500, repeated: 500, listed: 1000 });
      expect(patternOf(report, "threadr:email:*")).toMatchObject({ keys: 500, memory: { errorBytes: 0 } });
    } finally {
      await store.close();
    }
  });
});

/** From now on SCAN gives each key of a page twice, as it may while its table changes size. */
function repeatPages(client: Redis): void {
  const pipeline = client.pipeline.bind(client);
  client.pipeline = ((commands: unknown[][]) => {
    const asked = pipeline(commands);
    if (commands[0]?.[0] !== "scanBuffer") return asked;
    const exec = asked.exec.bind(asked);
    asked.exec = async () => {
      const [[error, page] = [null, null]] = ((await exec()) ?? []) as [Error | null, [Buffer, Buffer[]]][];
      return [[error, page && [page[0], [...page[1], ...page[1]]]]];
    };
    return asked;
  }) as typeof client.pipeline;
}

describe("premium grants", () => {
  const write = (key: string, fields: Record<string, unknown>) =>
    redis.set(`threadr:premium:${key}`, JSON.stringify({ plan: "monthly", duration_days: 30, email: null, ...fields }));

  test("are counted once each, active or expired by their end", async () => {
    const now = Date.now();
    const bought = { granted_at: legacyDate(now - 5 * DAY), expires_at: legacyDate(now + 25 * DAY) };
    const over = { granted_at: legacyDate(now - 90 * DAY), expires_at: legacyDate(now - 60 * DAY) };
    // One grant under both keys, the email spelled in two ways.
    await write("email:ann@example.org", { ...bought, email: "ann@example.org", client_ip: "198.51.100.7" });
    await write("ip:198.51.100.7", { ...bought, email: "Ann@Example.org", client_ip: "198.51.100.7" });
    // Another one to an address alone, and one that is over.
    await write("ip:198.51.100.8", bought);
    await write("email:bob@example.org", { ...over, plan: "yearly", email: "bob@example.org" });
    // The end follows from the days; nothing tells it; nobody's.
    await write("email:cid@example.org", { granted_at: legacyDate(now - DAY), email: "cid@example.org" });
    await write("email:dot@example.org", { duration_days: null, email: "dot@example.org" });
    await write("ip:0.0.0.0", { ...bought, email: "ann@example.org" });
    await redis.set("threadr:premium:email:cut@example.org", '{"granted_at": "2026');
    await redis.set("threadr:subscription:user:u1", '{"status": "active"}');

    const { premiumGrants } = await audit(server.url);
    expect(premiumGrants).toMatchObject({
      keys: { email: 4, ip: 2, placeholder: 1 },
      unreadable: 1,
      total: 5,
      active: 3,
      expired: 1,
      endUnknown: 1,
      endingWithin: { "7 days": 0, "30 days": 3, "90 days": 3 },
      plans: { monthly: { active: 3, expired: 0 }, yearly: { active: 0, expired: 1 } },
    });
    expect(Object.values(premiumGrants.grantedIn).reduce((sum, n) => sum + n, 0)).toBe(4);
  });

  test("stop the migration above a number, as do used memory and a critical pattern without keys", async () => {
    await write("email:ann@example.org", {});
    await write("ip:198.51.100.7", {});
    const failed = async (options: Parameters<typeof audit>[1]) =>
      (await audit(server.url, options)).stopConditions.filter(({ passed }) => !passed).map(({ name }) => name);
    expect(await failed({})).toEqual([
      "keys like threadr:subscription:user:*",
      "keys like threadr:subscriptions:active",
    ]);
    await redis.set("threadr:subscription:user:u1", "{}");
    await redis.sadd("threadr:subscriptions:active", "u1");
    expect(await failed({})).toEqual([]);
    expect(await failed({ maxGrants: 1 })).toEqual(["premium grants"]);
    expect(await failed({ maxGrants: 2, maxMemory: 1000 })).toEqual(["used memory"]);
    expect(await failed({ required: ["threadr:session:*"] })).toEqual(["keys like threadr:session:*"]);
    await expect(audit(server.url, { required: ["threadr:sesion:*"] })).rejects.toThrow(/no pattern "threadr:sesion/);
  });
});

const quotingNotes = defineRecords<{ to: string }>({
  name: "notes",
  redis: { key: (id, { prefix }) => `${prefix}note:${id}` },
  postgres: { table: pgTable("notes", { id: text("id").primaryKey(), ...syncColumns() }) },
  schema: {
    "~standard": { validate: (value) => ({ issues: [{ message: `not for ${(value as { to: string }).to}` }] }) },
  },
});

describe("what it reveals", () => {
  test("is no email, address or token, unless it is asked for", async () => {
    await writeKeyspace(redis);
    const quoting = '{"tweets": 1, "title": "quoted@example.org"}';
    await redis.set("threadr:cache:url:https://example.org/?mail=quoted@example.org", quoting);
    // A schema of the user's own may quote what it refuses.
    await redis.set("threadr:note:1", '{"to": "refused@example.org"}');
    const options = { checkValues: true, top: 1000, collections: { notes: quotingNotes } };
    const secrets = [...SECRETS, "refused@example.org"];
    const masked = await audit(server.url, options);
    for (const shown of [JSON.stringify(masked), auditPage(masked)]) {
      expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
      expect(shown).not.toMatch(/[^\s"]@[^\s"]/);
    }
    const open = JSON.stringify(await audit(server.url, { ...options, showPersonal: true }));
    expect(secrets.filter((secret) => !open.includes(secret))).toEqual([]);
  });

  test("is text on its page, never markup, whatever a key is named", async () => {
    await writeKeyspace(redis);
    const report = await audit(server.url, { showPersonal: true, top: 1000, checkValues: true });
    const html = auditPage(report);
    const shown = {
      escaped: html.includes("&lt;script&gt;alert(&quot;1&quot;)"),
      tags: [...new Set(html.match(/<[^>]*>/g))].filter((tag) => /<script|<img|\son\w+=|src=|href=/.test(tag)),
      heading: html.includes("<h1>gotcha"),
      control: /(?![\n\t])\p{Cc}|\u202e/u.test(html),
      elsewhere: /url\(|@import/.test(html),
      policy: html.includes("default-src 'none'"),
    };
    const expected = { escaped: true, tags: [], heading: false, control: false, elsewhere: false, policy: true };
    expect(shown).toEqual(expected);
    const labels = report.largest.map(({ label }) => label);
    expect(labels).toHaveLength(report.keys.distinct);
    expect(Math.max(...labels.map((label) => label.length))).toBeLessThan(1000);
    expect(labels).toEqual(expect.arrayContaining([expect.stringMatching(/^unknown:k{192}… \(10008 bytes\)$/)]));
    expect(labels).toContain("unknown:\\x00\\xff\\xfe\\x80");
    expect(labels.join("")).not.toMatch(/\p{Cc}/u);
    expect(HOSTILE.length).toBe(9);
  });
});

/** Each key with its value. */
async function fingerprint(): Promise<string[]> {
  const keys = (await redis.callBuffer("KEYS", "*")) as Buffer[];
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return keys.map((key, n) => `${key.toString("hex")} ${dumps[n]?.toString("hex")}`).sort();
}

describe("what it leaves alone", () => {
  test("is everything: only commands that read are sent, and never KEYS", async () => {
    await writeKeyspace(redis);
    const before = await fingerprint();
    await redis.config("RESETSTAT");
    await audit(server.url, { checkValues: true });
    const stats = await redis.info("commandstats");
    const used = [...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name]) => name as string);
    const reading =
      "client|no-touch client|setname config|resetstat dbsize get hlen info llen memory|usage object|idletime pttl scan scard strlen time type xlen zcard";
    expect(used.filter((name) => !reading.split(" ").includes(name))).toEqual([]);
    expect(used).toContain("scan");
    expect(await fingerprint()).toEqual(before);
  });

  test("also on a replica, which needs nothing of the library", async () => {
    const { port } = new URL(server.url);
    await redis.config("SET", "repl-diskless-sync-delay", "0");
    const replica = await freshRedis({ args: ["--replicaof", "127.0.0.1", port] });
    const second = new Redis(replica.url);
    try {
      await writeKeyspace(redis);
      await waitFor(async () => (await second.dbsize()) === (await redis.dbsize()));
      await waitFor(async () => (await second.info("replication")).includes("master_link_status:up"));
      const [own, other] = [await audit(server.url), await audit(replica.url)];
      expect(other.server).toMatchObject({ role: "replica", masterLink: "up" });
      expect(other.keys.distinct).toBe(own.keys.distinct);
      expect(other.targets).toEqual(own.targets);
      expect(other.premiumGrants).toEqual(own.premiumGrants);
      expect(other.notes.join()).toMatch(/replica/);
      expect(await second.keys("dual-write:*")).toEqual(await redis.keys("dual-write:*"));
    } finally {
      second.disconnect();
      await replica.stop();
    }
  });
});

test("needs no more rights than docs/audit.md says, and does without those that only tell more", async () => {
  await writeKeyspace(redis);
  const docs = await readFile(new URL("../../docs/audit.md", import.meta.url), "utf8");
  const [, rights = ""] = /^ +ACL SETUSER auditor (.*)$/m.exec(docs) ?? [];
  const allow = (text: string) => redis.call("ACL", "SETUSER", "auditor", "reset", ...text.split(" "));
  // Redis before 7.2 knows no NO-TOUCH to allow.
  const known = rights.replace("PASSWORD", "secret").replace(" +client|no-touch", "");
  const url = server.url.replace("//", "//auditor:secret@");
  try {
    await allow(known);
    const report = await audit(url, { checkValues: true });
    expect(report).toMatchObject({ state: "finished", oldest: expect.any(Array) });
    expect(report.memory.bytes).toBeGreaterThan(0);
    await allow(known.replace(" +memory|usage", "").replace(" +object|idletime", ""));
    const less = await audit(url);
    expect(less).toMatchObject({ memory: { bytes: null }, oldest: null, keys: report.keys });
    expect(less.notes.join()).toMatch(/refuses MEMORY USAGE/);
    await allow(known.replace(" +scan", ""));
    await expect(audit(url)).rejects.toThrow(/NOPERM.*scan/);
  } finally {
    await redis.call("ACL", "DELUSER", "auditor");
  }
});

test("says so where the server tells no idle times, and knows the oldest where it does", async () => {
  await redis.set("threadr:email:old@example.org", "{}");
  expect((await audit(server.url)).oldest).toMatchObject([
    { pattern: "threadr:email:*", idleSeconds: expect.any(Number) },
  ]);
  await redis.config("SET", "maxmemory-policy", "allkeys-lfu");
  try {
    const report = await audit(server.url);
    expect(report.oldest).toBeNull();
    expect(report.notes.join()).toMatch(/idle times/);
    expect(patternOf(report, "threadr:email:*").keys).toBe(1);
  } finally {
    await redis.config("SET", "maxmemory-policy", "noeviction");
  }
});

test("looks at one database and names the others", async () => {
  await redis.set("threadr:email:here@example.org", "{}");
  await redis.select(3);
  await redis.mset("a", "1", "b", "2");
  await redis.select(0);
  const report = await audit(server.url);
  expect(report.keys.distinct).toBe(1);
  expect(report.server.otherDatabases).toEqual({ "3": 2 });
  expect((await audit(`${server.url}/3`)).server).toMatchObject({ database: 3, otherDatabases: { "0": 1 } });
});

test("stopped by its signal tells what it saw until then", async () => {
  await redis.mset(
    Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`threadr:email:p${n}@example.org`, "{}"])),
  );
  const stop = new AbortController();
  const report = await audit(server.url, {
    pageSize: 100,
    signal: stop.signal,
    onProgress: ({ done }) => done >= 500 && stop.abort(),
  });
  expect(report.state).toBe("stopped");
  expect(report.keys.distinct).toBeGreaterThanOrEqual(500);
  expect(report.keys.distinct).toBeLessThan(2000);
  expect(auditPage(report)).toContain("stopped before its end");
});

test("refuses what it can't use before it connects", async () => {
  const failure = await audit("http://127.0.0.1", { top: -1 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ConfigurationError);
  await expect(audit(undefined)).rejects.toThrow(/redis: missing/);
  await expect(audit(server.url, { sample: 1.5, pageSize: 0 })).rejects.toThrow(/pageSize[\s\S]*sample/);
});
