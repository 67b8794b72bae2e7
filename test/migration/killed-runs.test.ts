/**
 * The runbook's copying on a hostile keyspace, each command killed with SIGKILL at a random moment and begun again, and taken back;
 * what it says is held against a count by bare clients. `KILLED_RUNS_KEYS=1000000 npx vitest run test/migration/killed-runs.test.ts`
 * runs it at any size, and `KILLED_RUNS_KILLS` says how often each command is killed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fates, fillKeyspace } from "../../bench/keyspace.js";
import type { RedisServer } from "../servers/redis-server.js";
import { bundleProgram } from "../support/bundle.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { countIndependently } from "./independent-count.js";
import { type Ended, Program } from "./killed-program.js";

const KEYS = Number(process.env.KILLED_RUNS_KEYS ?? 4000);
const KILLS = Number(process.env.KILLED_RUNS_KILLS ?? 1);
const IS_SMALL = KEYS <= 10_000;
/** A small keyspace would be copied before anybody could be killed. */
const SLOWLY = IS_SMALL ? ["--rate", String(KEYS / 2)] : [];
const PAGES = IS_SMALL ? ["--batch-size", "100"] : [];
/** For each key Redis carries out so many commands, at least, whatever goes through all of them, and Postgres gets so many rows. */
const ASKED = 0.8;

let server: RedisServer;
let database: FreshDatabase;
let folder: string;
let redis: Redis;
let sql: postgres.Sql;
let program: Program;
let fates: Fates;

beforeAll(async () => {
  [server, database, folder] = await Promise.all([
    freshRedis(),
    freshDatabase(),
    mkdtemp(join(tmpdir(), "dual-write-killed-")),
  ]);
  redis = new Redis(server.url);
  sql = postgres(database.url, { max: 2, onnotice: () => {} });
  const main = await bundleProgram("src/cli/main.ts", folder);
  program = new Program(main, folder, { REDIS_URL: server.url, DATABASE_URL: database.url });
  fates = await fillKeyspace({ redisUrl: server.url, keys: KEYS, hostileEvery: IS_SMALL ? 40 : 500 });
}, 600_000);

afterAll(async () => {
  redis?.disconnect();
  await sql?.end({ timeout: 1 });
  await Promise.all([server?.stop(), database?.drop(), rm(folder, { recursive: true, force: true })]);
});

/** Redis was asked at least `times` since this was called. */
async function askedSince(times: number): Promise<() => Promise<boolean>> {
  const asked = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))?.[1]);
  const before = await asked();
  return async () => (await asked()) - before >= times;
}

/** Killed somewhere on its way, as often as asked, then left alone. `reached`: tells when so many keys were worked on from now. */
async function killedOnTheWay(args: readonly string[], reached: typeof askedSince): Promise<Ended> {
  for (let kills = 0; kills < KILLS; kills++) {
    // All the kills together come before the work can be done.
    const isTime = await reached((KEYS * ASKED * (0.1 + 0.6 * Math.random())) / KILLS);
    expect(await program.runUntil([...args, ...SLOWLY], isTime)).toMatchObject({ signal: "SIGKILL" });
  }
  return program.run(args);
}

/** Postgres holds `more` rows more than when this was called. */
async function broughtSince(more: number): Promise<() => Promise<boolean>> {
  const before = await rows();
  return async () => (await rows()) - before >= more;
}

async function rows(): Promise<number> {
  const tables = ["users", "subscriptions", "usage_tracking", "usage_log", "threads", "user_sessions"];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table} WHERE sync_stamp = 0)`);
  const [row] = await sql.unsafe<{ count: number }[]>(`SELECT (${counts.join(" + ")})::float8 AS count`);
  return row?.count ?? 0;
}

async function expectAllCopied(): Promise<void> {
  const { wrong, ...count } = await countIndependently(redis, sql);
  expect(wrong).toEqual([]);
  // A merge writes the email's own record or counter where there was none, and the set of emails.
  expect(count).toMatchObject({ setAside: fates.setAside, merged: fates.merged });
  expect(count.copied).toBe(fates.copied + fates.merged);
  expect(count.keys).toBe(count.copied + count.setAside + count.merged + count.ignored);
}

let runId: string;

test("an audit that was killed and begun again counts what a bare client counts", { timeout: 3_600_000 }, async () => {
  const { report } = await killedOnTheWay(["audit", "--no-require", "--max-grants", "100000000", "--json"], askedSince);
  expect(report.keys).toMatchObject({ distinct: await redis.dbsize(), vanished: 0, exact: true });
});

test("a backfill killed on its way goes on, and every key ends where it should", { timeout: 3_600_000 }, async () => {
  expect(await program.run(["migrate-schema"])).toMatchObject({ code: 0 });
  const { code, report } = await killedOnTheWay(["backfill", "--continue-on-error", "--json", ...PAGES], broughtSince);
  expect({ code, state: report.state, addsUp: report.addsUp }).toEqual({ code: 1, state: "finished", addsUp: true });
  expect(report.resumed).toBe(true);
  const counts = report.counts as Record<string, number>;
  expect(counts.setAside).toBe(fates.setAside);
  expect(counts.newer).toBe(0);
  runId = String(report.runId);
  await expectAllCopied();
});

test("a verify that was killed leaves no evidence, and the next finds nothing wrong", {
  timeout: 3_600_000,
}, async () => {
  const isTime = await askedSince(KEYS * ASKED * 0.5 * Math.random());
  const { signal } = await program.runUntil(["verify", "--json", ...SLOWLY], isTime);
  expect(signal).toBe("SIGKILL");
  expect(await sql`SELECT FROM dual_write_verify_runs`).toHaveLength(0);
  const { code, report } = await program.run(["verify", "--json"]);
  expect({ code, clean: report.clean }).toEqual({ code: 0, clean: true });
});

test("what was brought is taken back although that was killed too, and can be brought again", {
  timeout: 3_600_000,
}, async () => {
  const all = await rows();
  for (let kills = 0; kills < KILLS; kills++) {
    const left = (await rows()) * Math.random();
    await program.runUntil(["undo-backfill", runId], async () => (await rows()) <= left);
  }
  const before = await rows();
  const { code, report } = await program.run(["undo-backfill", runId, "--json"]);
  const removed = Object.values(report.removed as Record<string, number>).reduce((sum, one) => sum + one, 0);
  expect({ code, removed }).toEqual({ code: 0, removed: before });
  expect(all).toBeGreaterThan(KEYS / 2);
  expect(await rows()).toBe(0);

  const again = await program.run(["backfill", "--continue-on-error", "--json"]);
  expect(again.report).toMatchObject({ state: "finished", addsUp: true, resumed: false });
  await expectAllCopied();
});
