/** Long runs over many great values, each in a process of its own: they are held one after another, however many a page has. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DualWriteStore, Migration } from "../../src/index.js";
import type { RedisServer } from "../servers/redis-server.js";
import { bundleProgram } from "../support/bundle.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";

const GREAT = 36;
const BYTES = 2.5 * 2 ** 20;
const SMALL = 200;
const MEGABYTES = 250;

let server: RedisServer;
let database: FreshDatabase;
let folder: string;
let redis: Redis;
let program: string;

beforeAll(async () => {
  [server, database, folder] = await Promise.all([
    freshRedis(),
    freshDatabase(),
    mkdtemp(join(tmpdir(), "dual-write-great-")),
  ]);
  redis = new Redis(server.url);
  const migration = await Migration.open({ redis: server.url, postgres: database.url });
  await migration.migrateSchema();
  await migration.close();
  program = await bundleProgram("test/migration/great-values-program.ts", folder);
  for (let n = 0; n < GREAT; n++) await redis.set(`threadr:email:great${n}@example.org`, value("x".repeat(BYTES)));
  for (let n = 0; n < SMALL; n++) await redis.set(`threadr:email:small${n}@example.org`, value("x"));
}, 120_000);

afterAll(async () => {
  redis?.disconnect();
  await Promise.all([server?.stop(), database?.drop(), rm(folder, { recursive: true, force: true })]);
});

function value(note: string): string {
  return JSON.stringify({ source: "landing", note });
}

async function megabytesOf(what: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, what, server.url, database.url]);
  const { records, megabytes } = JSON.parse(stdout) as { records: number; megabytes: number };
  expect(records).toBe(GREAT + SMALL);
  return megabytes;
}

/** Postgres reigns, and Redis lost what the reverse backfill is to bring. */
async function turnRound(): Promise<void> {
  const store = await DualWriteStore.open({
    redis: server.url,
    postgres: database.url,
    strategy: "REDIS_PRIMARY",
    logger: pino({ level: "silent" }),
  });
  for (const next of ["DUAL_WRITE", "POSTGRES_PRIMARY"] as const)
    await store.setStrategy(next, { force: true, reason: "a test" });
  await store.close();
  await redis.unlink(await redis.keys("threadr:*"));
}

test("backfill, verify and reverse backfill stay within 250 MB", { timeout: 300_000 }, async () => {
  expect(await megabytesOf("backfill")).toBeLessThan(MEGABYTES);
  expect(await megabytesOf("verify")).toBeLessThan(MEGABYTES);
  await turnRound();
  expect(await megabytesOf("reverse")).toBeLessThan(MEGABYTES);
  expect(await redis.strlen("threadr:email:great7@example.org")).toBe(value("x".repeat(BYTES)).length);
});
