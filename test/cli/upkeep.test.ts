/** Sweep, drain and status: the work and the looks that go on while the migration lasts. */
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Migration } from "../../src/index.js";
import type { MigrationStatus } from "../../src/migration/status/status.js";
import { RETENTION_MS } from "../../src/stores/state.js";
import { freshDatabase } from "../support/databases.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { runCli, startCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 120_000 });

let pair: Pair;
let sql: postgres.Sql;
let migration: Migration;
let env: { REDIS_URL: string; DATABASE_URL: string };

beforeAll(async () => {
  pair = await openPair();
  sql = postgres(pair.databaseUrl, { max: 1, onnotice: () => {} });
  env = { REDIS_URL: pair.redis.url, DATABASE_URL: pair.databaseUrl };
  migration = await Migration.open({ redis: env.REDIS_URL, postgres: env.DATABASE_URL });
  await migration.migrateSchema();
  // The first process sets up both stores.
  const store = await pair.open("REDIS_PRIMARY");
  await waitFor(async () => (await migration.status()).collections.users?.complete.redis);
  await store.close();
});

afterAll(async () => {
  await migration?.close();
  await sql?.end({ timeout: 1 });
  await pair?.end();
});

const emails = (count: number) => Array.from({ length: count }, (_, n) => `person${n}@example.org`);

describe("drain", () => {
  /** Writes that a process left in the repair log when it ended. */
  async function leaveWrites(count: number): Promise<void> {
    const store = await pair.open("REDIS_PRIMARY");
    await waitFor(async () => (await migration.status()).collections.users?.complete.redis);
    await pair.databaseProxy.setMode("refuse");
    await Promise.all(emails(count).map((email) => store.users.create({ email })));
    await store.close();
    await pair.databaseProxy.setMode("pass");
  }

  test("works off what processes left, tells how far it is, and finds nothing the second time", async () => {
    await leaveWrites(20);
    const told: { drained: number; total: number }[] = [];
    const { drained } = await migration.drain({ onProgress: (progress) => told.push(progress) });
    expect(drained).toBe(20);
    expect(told.at(-1)).toEqual({ drained: 20, total: 20 });
    expect((await sql`SELECT count(*)::int AS count FROM users WHERE sync_original IS NOT NULL`)[0]?.count).toBe(20);
    const again = await runCli(["drain", "--json"], env);
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toEqual({ drained: 0, redisGivenUp: false });
  });

  test("stops when it is told to", async () => {
    await expect(migration.drain({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  test("needs both stores, and says so", async () => {
    const half = await Migration.open({ postgres: env.DATABASE_URL });
    await expect(half.drain()).rejects.toThrow(/REDIS_URL/);
    await half.close();
  });
});

describe("sweep", () => {
  beforeEach(async () => {
    await sql`DELETE FROM users`;
    await sql`DELETE FROM dual_write_log`;
    await sql`UPDATE dual_write_fence SET complete_all = true`;
    const gone = new Date(Date.now() - RETENTION_MS - 60_000);
    const rows = emails(25).map((email, n) => ({
      email,
      sync_stamp: 2 * n,
      sync_original: n % 2 === 0 ? null : Buffer.from("{}"),
      sync_expires_at: n % 2 === 0 ? new Date(Date.now() - 60_000) : gone,
    }));
    await sql`INSERT INTO users ${sql(rows)}`;
    await sql`INSERT INTO users ${sql([{ email: "living@example.org", sync_stamp: 2, sync_original: Buffer.from("{}") }])}`;
  });

  const left = async () => (await sql`SELECT email FROM users`).map(({ email }) => email as string);

  test("removes all that is over, in batches, and nothing else", async () => {
    const told: number[] = [];
    const report = await migration.sweep({ pageSize: 10, onProgress: ({ removed }) => told.push(removed) });
    expect(report).toMatchObject({ state: "finished", removed: 25, heldBack: [] });
    expect(report.collections.users).toEqual({ begun: 0, removed: 25 });
    expect(told.slice(0, 4).sort((a, b) => a - b)).toContain(10);
    expect(await left()).toEqual(["living@example.org"]);
  });

  test("goes on where it was stopped", async () => {
    const abort = new AbortController();
    const stopped = await migration.sweep({
      pageSize: 10,
      signal: abort.signal,
      onProgress: ({ removed }) => removed > 0 && abort.abort(),
    });
    expect(stopped).toMatchObject({ state: "stopped", removed: 10 });
    const { code, stdout } = await runCli(["sweep", "--batch-size", "10"], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^users +15 +0$/m);
    expect(await left()).toEqual(["living@example.org"]);
  });

  test("leaves what a backfill could bring back, and says why", async () => {
    const [run] = await sql`INSERT INTO dual_write_backfill_runs (id, direction, state, started_at)
      VALUES (gen_random_uuid(), 'forward', 'running', now() - interval '60 days') RETURNING id`;
    const report = await migration.sweep();
    expect(report).toMatchObject({ removed: 0, heldBack: [expect.stringContaining("backfill")] });
    await sql`DELETE FROM dual_write_backfill_runs WHERE id = ${run?.id}`;
    await sql`UPDATE dual_write_fence SET complete_all = false`;
    expect(await migration.sweep()).toMatchObject({ removed: 0, heldBack: [expect.stringContaining("complete")] });
  });

  test("refuses options that make no sense before it begins", async () => {
    await expect(migration.sweep({ pageSize: 0 })).rejects.toThrow(/pageSize: a whole number/);
    expect((await left()).length).toBe(26);
  });
});

test("what isn't migrated is neither drained nor swept, and it is said what to do", async () => {
  const empty = await freshDatabase();
  const unprepared = await Migration.open({ redis: env.REDIS_URL, postgres: empty.url });
  try {
    await expect(unprepared.sweep()).rejects.toThrow(/migrate-schema/);
    await expect(unprepared.drain()).rejects.toThrow(/migrate-schema/);
  } finally {
    await unprepared.close();
    await empty.drop();
  }
});

describe("status", () => {
  test("tells gate, samples, latency, memory, table sizes and when differences were met", async () => {
    const store = await pair.open("DUAL_WRITE", { compareReads: 1 });
    const { id } = await store.users.create({ email: "compared@example.org" });
    await store.collections.users.get("compared@example.org");
    expect(id).toBeDefined();
    await sql`INSERT INTO dual_write_divergence (at, kind, collection, key_hash) VALUES
      (now() - interval '2 hours', 'value', 'users', 'a'), (now() - interval '2 hours', 'value', 'users', 'a'),
      (now() - interval '3 days', 'value', 'users', 'b')`;
    await waitFor(async () => (await migration.status()).samples.compared > 0);
    const status = await migration.status();
    expect(status.processes.at(-1)).toMatchObject({ strategy: "DUAL_WRITE", stage: 1, pid: process.pid });
    expect(status.samples).toEqual({ compared: 1, differed: 0 });
    expect(status.gate?.to).toBe("postgres");
    expect(status.gate?.checks.find(({ name }) => name.includes("users: no unexplained"))).toMatchObject({
      passed: false,
      remedy: expect.any(String),
    });
    expect(status.stores.redis).toMatchObject({ memory: { used: expect.any(Number), policy: "noeviction" } });
    expect(status.stores.postgres.latencyMs).toBeGreaterThan(0);
    for (const one of [status.stores.redis, status.stores.postgres]) expect(one?.operations).toBeGreaterThan(5);
    const users = status.stores.postgres.tables.find(({ table }) => table === "users");
    expect(users?.bytes).toBeGreaterThan(8000);
    expect(status.divergenceHours).toMatchObject([{ kind: "value", collection: "users", count: 1 }]);
    await store.close();
  });

  test("--watch tells again and again, and ends with 0 at Ctrl-C", async () => {
    const { child, ran } = await startCli(["status", "--watch", "--interval", "1", "--json"], env);
    let shown = "";
    child.stdout?.on("data", (text: string) => {
      shown += text;
    });
    await waitFor(() => shown.split("\n").length > 2, { timeoutMs: 90_000 });
    child.kill("SIGINT");
    const { code, stdout } = await ran;
    expect(code).toBe(0);
    const documents = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as MigrationStatus);
    expect(documents.length).toBeGreaterThanOrEqual(2);
    for (const { authority } of documents) expect(authority).toBe("redis");
  });

  test("is readable, and names each check that fails with what to do", async () => {
    const { stdout } = await runCli(["status"], env);
    expect(stdout).toMatch(/^The authority is redis in term \d+\.$/m);
    expect(stdout).toMatch(/^redis: authority in term \d+, answers in [\d.]+ ms$/m);
    expect(stdout).toMatch(/^The gate to postgres: \d+ of \d+ checks fail\.$/m);
    expect(stdout).toMatch(/^ {2}users: no unexplained divergence: 2 since the last verify\. Run `dual-write verify/m);
    expect(stdout).toMatch(/^table +size +rows +dead rows/m);
    expect(stdout).toMatch(/^Divergences of the last day:\n {2}\d{4}-\d\d-\d\dT\d\d:00 {2}users value 1$/m);
  });
});
