/** Ctrl-C, and a kill without warning, in the middle of a command that is a process of its own; run again, it goes on where it was. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type DualWriteStore, Migration } from "../../src/index.js";
import { RETENTION_MS } from "../../src/stores/state.js";
import { claimsGone, contentOf, rowsOf } from "../migration/backup/backup-fixture.js";
import { freshDatabase } from "../support/databases.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { cliProgram, type Ran, runCli, startCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 60_000 });

/** Of every answer, so that the work takes long enough for somebody to stop it. Milliseconds. */
const SLOWLY = 20;

let pair: Pair;
/** Programs that know nothing of the library. */
let redis: Redis;
let sql: postgres.Sql;
let migration: Migration;
let folder: string;
/** Past the proxies. */
let env: { REDIS_URL: string; DATABASE_URL: string };

beforeAll(() => cliProgram());

beforeEach(async () => {
  pair = await openPair();
  pair.databaseProxy.delayMs = pair.redisProxy.delayMs = SLOWLY;
  env = { REDIS_URL: pair.redis.url, DATABASE_URL: pair.databaseUrl };
  redis = new Redis(env.REDIS_URL);
  sql = postgres(env.DATABASE_URL, { max: 1, onnotice: () => {} });
  migration = await Migration.open({ redis: env.REDIS_URL, postgres: env.DATABASE_URL });
  await migration.migrateSchema();
  folder = await mkdtemp(join(tmpdir(), "dual-write-interrupted-"));
});

afterEach(async () => {
  await migration?.close();
  redis?.disconnect();
  await sql?.end({ timeout: 1 });
  await pair?.end();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command on slow stores, and ends it as soon as `isHalfWay`. */
async function stopped(
  args: readonly string[],
  signal: "SIGINT" | "SIGKILL",
  isHalfWay: () => Promise<boolean>,
  urls: Readonly<Record<string, string>> = { REDIS_URL: pair.urls.redis, DATABASE_URL: pair.urls.postgres },
): Promise<Ran> {
  for (const proxy of [pair.redisProxy, pair.databaseProxy]) await proxy.setMode("delay");
  const { child, ran } = await startCli(args, urls, folder);
  await waitFor(async () => child.exitCode !== null || (await isHalfWay()), { timeoutMs: 40_000, everyMs: 2 });
  expect(child.exitCode).toBeNull();
  child.kill(signal);
  const result = await ran;
  for (const proxy of [pair.redisProxy, pair.databaseProxy]) await proxy.setMode("pass");
  return result;
}

const emails = (count: number) => Array.from({ length: count }, (_, n) => `person${n}@example.org`);

test("restore, of each store: the same command again brings all of it back", async () => {
  const pipeline = redis.pipeline();
  for (const email of emails(1500)) pipeline.set(`threadr:email:${email}`, '{"source": "landing"}');
  await pipeline.exec();
  await migration.backfill();
  await claimsGone(redis);
  const { folder: backup } = await migration.backup({ folder: join(folder, "backups"), postgresBy: "copy" });
  const [was, wasRows] = [await contentOf(redis), await rowsOf(sql)];
  const empty = await freshDatabase();
  const copy = postgres(empty.url, { max: 1, onnotice: () => {} });
  const target = new Redis(`${pair.redis.url}/1`);
  try {
    const slow = { REDIS_URL: `${pair.urls.redis}/1`, DATABASE_URL: pair.databaseProxy.urlFor(empty.url) };
    const restore = ["restore", backup];
    const hasTables = async () => (await copy`SELECT FROM pg_tables WHERE tablename = 'users'`).length > 0;
    const hasKeys = async () => (await target.dbsize()) > 200;

    // Postgres comes back in one transaction or not at all.
    const inPostgres = await stopped(restore, "SIGINT", hasTables, slow);
    expect(inPostgres).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringMatching(/run the same command again/),
    });
    expect([(await copy`SELECT FROM users`).length, await target.dbsize()]).toEqual([0, 0]);

    const inRedis = await stopped(restore, "SIGINT", hasKeys, slow);
    expect(inRedis).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(/Run the same again/) });
    expect((await copy`SELECT FROM users`).length).toBe(1500);
    await target.set("left", "by the half");

    expect(
      (await stopped(restore, "SIGKILL", async () => (await hasKeys()) && !(await target.exists("left")), slow)).code,
    ).toBeNull();
    expect(await target.dbsize()).toBeLessThan(1500);

    const fast = { REDIS_URL: `${pair.redis.url}/1`, DATABASE_URL: empty.url };
    const { code, stderr } = await runCli(restore, fast, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/Postgres: nothing/) });
    expect(await contentOf(target)).toEqual(was);
    expect(await rowsOf(copy)).toEqual(wasRows);
    // Whole by now, it is anybody's.
    expect((await runCli(restore, fast, folder)).stderr).toMatch(/isn't empty/);
  } finally {
    target.disconnect();
    await copy.end({ timeout: 1 });
    await empty.drop();
  }
});

/** Both stores set up by a first process. */
async function setUp(): Promise<DualWriteStore> {
  const store = await pair.open("REDIS_PRIMARY");
  await waitFor(async () => (await migration.status()).collections.users?.complete.redis);
  return store;
}

test("sweep", async () => {
  await (await setUp()).close();
  const gone = new Date(Date.now() - RETENTION_MS - 60_000);
  const rows = emails(600).map((email) => ({
    email,
    sync_stamp: 0,
    sync_original: Buffer.from("{}"),
    sync_expires_at: gone,
  }));
  await sql`INSERT INTO users ${sql(rows)}`;
  await sql`UPDATE dual_write_fence SET complete_all = true`;
  const left = async () => (await sql`SELECT FROM users`).length;
  const first = await stopped(["sweep", "--batch-size", "10"], "SIGINT", async () => (await left()) < 600);
  expect(first).toMatchObject({ code: 3, stdout: expect.stringMatching(/Stopped. Run it again: it goes on/) });
  const rest = await left();
  expect(rest).toBeGreaterThan(0);
  const { code, stdout } = await runCli(["sweep", "--json"], env);
  expect({ code, removed: JSON.parse(stdout).removed }).toEqual({ code: 0, removed: rest });
  expect(await left()).toBe(0);
});

test("drain", async () => {
  const store = await setUp();
  await pair.databaseProxy.setMode("refuse");
  const subscription = { subscriptionId: "s", planName: "pro", status: "active", tierLevel: 1 } as const;
  for (const [n, email] of emails(20).entries()) {
    await store.users.create({ email });
    await store.subscriptions.putForUser(`u${n}`, subscription);
    await store.usage.track({ userId: `u${n}` });
  }
  await store.close();
  await pair.databaseProxy.setMode("pass");
  const arrived = async () => {
    const [row] = await sql`SELECT (SELECT count(*)::int FROM users) AS users,
      (SELECT count(*)::int FROM subscriptions) AS subscriptions, (SELECT count(*)::int FROM usage_tracking) AS usage`;
    return row as Record<string, number>;
  };
  const all = { users: 20, subscriptions: 20, usage: 40 };
  const first = await stopped(["drain"], "SIGINT", async () =>
    Object.values(await arrived()).some((count) => count > 0),
  );
  expect(first).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(/run the same command again/) });
  expect(await arrived()).not.toEqual(all);
  expect(await runCli(["drain"], env)).toMatchObject({ code: 0, stdout: expect.stringMatching(/logs are empty/) });
  expect(await arrived()).toEqual(all);
});

test("rejects retry", async () => {
  const pipeline = redis.pipeline();
  for (const email of emails(520)) pipeline.set(`threadr:email:${email}`, "{");
  await pipeline.exec();
  await migration.backfill({ maxRejects: 1000 });
  for (const email of emails(520)) pipeline.set(`threadr:email:${email}`, "{}");
  await pipeline.exec();
  // Each that was sent is taken off the list by itself.
  pair.databaseProxy.delayMs = pair.redisProxy.delayMs = 2;
  const listed = async () => (await sql`SELECT FROM dual_write_rejects`).length;
  const first = await stopped(["rejects", "retry"], "SIGINT", async () => (await listed()) < 520);
  expect(first).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(/run the same command again/) });
  const rest = await listed();
  expect(rest).toBeGreaterThan(0);
  const { code, stdout } = await runCli(["rejects", "retry", "--json"], env);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, sent: rest, refused: 0 });
  expect([await listed(), (await sql`SELECT FROM users`).length]).toEqual([0, 520]);
});

test("phase-out: while it removes, and while it counts commands", async () => {
  const pipeline = redis.pipeline();
  const store = await setUp();
  await migration.backfill();
  await migration.verify();
  for (const strategy of ["DUAL_WRITE", "POSTGRES_PRIMARY", "POSTGRES_ONLY"] as const)
    await store.setStrategy(strategy);
  await store.close();
  // It would be waited for.
  await migration.close();
  // As if the library had kept as many records.
  for (const email of emails(10_000)) pipeline.set(`dual-write:{threadr:email:${email}}`, "");
  await pipeline.exec();
  const own = async () =>
    (await redis.keys("dual-write:*")).filter((key) => !key.startsWith("dual-write:task:")).length;
  const before = await own();
  const finish = ["phase-out", "--finish", "--reason", "a test", "--observe"];
  const removing = await stopped([...finish, "1000"], "SIGINT", async () => (await own()) < before / 2);
  expect(removing).toMatchObject({ code: 3, stdout: expect.stringMatching(/Stopped. Run it again/) });
  expect(await own()).toBeGreaterThan(0);

  const counting = await stopped([...finish, "1000"], "SIGINT", async () => (await own()) === 0);
  expect(counting).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(/run the same command again/) });

  const { code, stdout } = await runCli([...finish, "1", "--json"], env);
  const { state, givenUpAt } = JSON.parse(stdout);
  // This test is a client of Redis, too.
  expect({ code, state, givenUpAt }).toEqual({ code: 1, state: "in use", givenUpAt: expect.any(String) });
});
