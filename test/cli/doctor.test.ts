/** The doctor: what it finds on servers that are fit, unfit, away, or or unwilling to tell. */
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DualWriteStore, Migration, type MigrationOptions } from "../../src/index.js";
import { clockFindings, readClock } from "../../src/migration/doctor/clocks.js";
import type { DoctorReport } from "../../src/migration/doctor/doctor.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { silent } from "../support/pair.js";
import { runCli } from "./run-cli.js";

// The command is a process that loads everything anew.
vi.setConfig({ testTimeout: 120_000 });

let server: RedisServer;
let database: FreshDatabase;
let redis: Redis;
let sql: postgres.Sql;

beforeAll(async () => {
  server = await freshRedis({ appendonly: true });
  redis = new Redis(server.url);
});

beforeEach(async () => {
  await redis.flushall();
  database = await freshDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
});

afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

async function examine(
  options: Partial<MigrationOptions> = {},
  before: (migration: Migration) => Promise<unknown> = async () => {},
): Promise<DoctorReport> {
  const migration = await Migration.open({ redis: server.url, postgres: database.url, ...options });
  try {
    await before(migration);
    return await migration.doctor();
  } finally {
    await migration.close();
  }
}

function find({ findings }: DoctorReport, about: string, name: string) {
  return findings.find((one) => one.about === about && one.name === name);
}

/** The same server as another user. */
function redisAs(user: string, password: string): string {
  const url = new URL(server.url);
  url.username = user;
  url.password = password;
  return url.href;
}

test("finds servers fit, and says what is left to do", async () => {
  const before = await examine();
  expect(find(before, "postgres", "schema")).toMatchObject({
    severity: "blocking",
    figure: expect.stringContaining("0000_initial"),
    remedy: expect.stringContaining("migrate-schema"),
  });
  const after = await examine({}, (migration) => migration.migrateSchema());
  // The tests' Postgres needn't outlive a crash.
  const unfit = after.findings.filter(({ severity }) => severity !== "ok");
  expect(unfit.map(({ name }) => name)).toEqual(["fsync", "full_page_writes", "disk"]);
  expect(find(after, "redis", "append-only file")?.figure).toBe("on");
  expect(find(after, "redis", "appendfsync")?.figure).toMatch(/everysec|always/);
  expect(find(after, "both", "clocks of both stores")?.severity).toBe("ok");
});

test("tells each setting of Redis that is unfit, with its remedy", async () => {
  const settings = { appendonly: "no", "maxmemory-policy": "allkeys-lru", maxmemory: "3mb" };
  const before = Object.fromEntries(
    await Promise.all(
      Object.keys(settings).map(async (name) => [name, ((await redis.config("GET", name)) as string[])[1] as string]),
    ),
  ) as Record<string, string>;
  try {
    for (const [name, value] of Object.entries(settings)) await redis.config("SET", name, value);
    const report = await examine();
    expect(find(report, "redis", "append-only file")).toMatchObject({ severity: "blocking", figure: "off" });
    expect(find(report, "redis", "eviction")).toMatchObject({
      severity: "blocking",
      figure: "allkeys-lru",
      remedy: expect.stringContaining("noeviction"),
    });
    expect(find(report, "redis", "memory")?.figure).toMatch(/of 3\.1 MB/);
  } finally {
    for (const [name, value] of Object.entries(before)) await redis.config("SET", name, value);
  }
});

test("tells each setting of Postgres that is unfit, with its remedy", async () => {
  const name = sql(database.name);
  await sql`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`;
  await sql`ALTER DATABASE ${name} SET default_transaction_read_only = on`;
  await sql`ALTER DATABASE ${name} SET synchronous_commit = off`;
  await sql`ALTER DATABASE ${name} SET statement_timeout = '2s'`;
  const report = await examine();
  for (const setting of ["default_transaction_isolation", "default_transaction_read_only", "synchronous_commit"])
    expect(find(report, "postgres", setting)).toMatchObject({ severity: "blocking", remedy: expect.any(String) });
  expect(find(report, "postgres", "statement_timeout")).toMatchObject({ severity: "problem", figure: "2000 ms" });
});

test("names a table of one's own that is missing, or lacks columns", async () => {
  const migrated = async (migration: Migration) => {
    await migration.migrateSchema();
    await sql`ALTER TABLE threads DROP COLUMN sync_stamp`;
    await sql`DROP TABLE user_sessions`;
  };
  const { severity, figure } = find(await examine({}, migrated), "postgres", "tables") ?? {};
  expect(severity).toBe("blocking");
  expect(figure).toMatch(/threads lacks sync_stamp/);
  expect(figure).toMatch(/user_sessions is missing/);
});

describe("of a store that is away tells that, and all of the other", () => {
  test("Redis", async () => {
    const report = await examine({ redis: "redis://127.0.0.1:1" });
    expect(find(report, "redis", "reachable")).toMatchObject({
      severity: "blocking",
      figure: expect.stringContaining("ECONNREFUSED"),
      remedy: expect.stringContaining("REDIS_URL"),
    });
    expect(report.footprint).toBeNull();
    expect(find(report, "postgres", "schema")).toBeDefined();
    expect(find(report, "both", "clock of Redis")?.severity).toBe("unknown");
  });

  test("Postgres", async () => {
    const report = await examine({ postgres: "postgres://127.0.0.1:1/app" });
    expect(find(report, "postgres", "reachable")).toMatchObject({ severity: "blocking", remedy: expect.any(String) });
    expect(find(report, "redis", "privileges")).toMatchObject({ severity: "ok" });
    expect(report.footprint).not.toBeNull();
  });
});

test("says what a managed Redis doesn't tell, and which privileges are missing", async () => {
  await redis.call("ACL", "SETUSER", "managed", "on", ">word", "~*", "+@all", "-config", "-zadd", "-acl");
  const managed = await examine({ redis: redisAs("managed", "word") });
  expect(find(managed, "redis", "appendfsync")).toMatchObject({ severity: "unknown", remedy: expect.any(String) });
  expect(find(managed, "redis", "privileges")).toMatchObject({ severity: "blocking", figure: "not allowed: ZADD" });
  expect(find(managed, "redis", "version")?.severity).toBe("ok");

  await redis.call("ACL", "SETUSER", "silent", "on", ">word", "~*", "+@all", "-info");
  const silentServer = await examine({ redis: redisAs("silent", "word") });
  expect(find(silentServer, "redis", "INFO allowed")).toMatchObject({
    severity: "blocking",
    figure: expect.stringContaining("NOPERM"),
  });
  expect(find(silentServer, "redis", "privileges")?.figure).toContain("INFO");

  await redis.call("ACL", "SETUSER", "narrow", "on", ">word", "~threadr:*", "+@all");
  const narrow = await examine({ redis: redisAs("narrow", "word") });
  expect(find(narrow, "redis", "privileges")).toMatchObject({ severity: "blocking" });
  await redis.call("ACL", "DELUSER", "managed", "silent", "narrow");
});

test("estimates what will be stored from the keys that are there", async () => {
  const pipeline = redis.pipeline();
  for (let n = 0; n < 1500; n++) pipeline.set(`threadr:email:person${n}@example.org`, '{"source": "landing"}');
  for (let n = 0; n < 500; n++) pipeline.set(`threadr:usage:ip:10.0.0.${n}:daily:2026-11-20`, "3");
  for (let n = 0; n < 100; n++) pipeline.set(`other:${n}`, "x");
  await pipeline.exec();
  const { footprint } = await examine();
  expect(footprint).toMatchObject({
    keys: 2100,
    sampled: 2100,
    collections: { users: { keys: 1500, companions: 300_000 }, usage: { keys: 500 }, threads: { keys: 0, rows: 0 } },
  });
  const store = await DualWriteStore.open({
    redis: server.url,
    postgres: database.url,
    strategy: "REDIS_PRIMARY",
    schema: "apply",
    logger: silent,
  });
  await store.users.create({ email: "measured.person@example.org" });
  await store.close();
  const measured = Number(await redis.memory("USAGE", "dual-write:{threadr:email:measured.person@example.org}"));
  expect(measured).toBeGreaterThan(120);
  expect(measured).toBeLessThan(300);
});

describe("clocks", () => {
  test("that are apart are told, as far as the way there lets them be known", () => {
    const severities = (redisMs: number, postgresMs: number, errorMs: number) =>
      clockFindings({
        redis: { offsetMs: redisMs, errorMs },
        postgres: { offsetMs: postgresMs, errorMs },
      }).map(({ severity }) => severity);
    expect(severities(900, 0, 1)).toEqual(["ok", "ok", "ok"]);
    expect(severities(1500, 0, 1)).toEqual(["problem", "ok", "problem"]);
    expect(severities(1500, 0, 600)).toEqual(["ok", "ok", "ok"]);
    expect(severities(-20_000, 500, 1)).toEqual(["problem", "ok", "blocking"]);
  });

  test("are read from the quickest of a few answers", async () => {
    const server = async () => Date.now() + 5000;
    const { offsetMs, errorMs } = await readClock(server);
    expect(Math.abs(offsetMs - 5000)).toBeLessThanOrEqual(errorMs + 1);
  });
});

test("the command marks what must be changed before a flip, and prints privileges on request", async () => {
  const env = { REDIS_URL: server.url, DATABASE_URL: database.url };
  const { code, stdout } = await runCli(["doctor", "--privileges"], env);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^!! +postgres +schema +\d+ migrations to apply/m);
  expect(stdout).toMatch(/^!! postgres, schema: Run `dual-write migrate-schema`\.$/m);
  for (const user of ["dual-write", "dual-write-operator", "dual-write-restore"])
    expect(stdout).toContain(`\nACL SETUSER ${user} on >PASSWORD`);
  expect(stdout).toMatch(/^GRANT SELECT, INSERT, UPDATE, DELETE ON .*\busers\b/m);
  expect(stdout).toMatch(/\d must be changed|must be changed before a flip/);
});
