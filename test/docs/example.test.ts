/** The example app runs on real servers, as its README says. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSX = fileURLToPath(new URL("../../node_modules/.bin/tsx", import.meta.url));

let redis: RedisServer;
let database: FreshDatabase;

beforeAll(async () => {
  [redis, database] = await Promise.all([freshRedis(), freshDatabase()]);
});

afterAll(async () => {
  await Promise.all([redis?.stop(), database?.drop()]);
});

async function runExample(): Promise<string[]> {
  const { DUAL_WRITE_STRATEGY: _unset, ...env } = process.env;
  const { stdout } = await promisify(execFile)(TSX, ["examples/coupons/app.ts"], {
    cwd: ROOT,
    env: { ...env, REDIS_URL: redis.url, DATABASE_URL: database.url },
    timeout: 60_000,
  });
  return stdout.trimEnd().split("\n");
}

const PRINTED = [
  "put SPRING",
  "read SPRING: 20 % from redis",
  "read NOSUCH: miss",
  "updated SPRING: 20 %, last days",
  "refused WINTER: from 1 to 100 is expected",
  "deleted SUMMER: true",
  expect.stringMatching(/^DUAL_WRITE: the authority is redis, \d+ entries in the repair log$/),
];

test("the example app prints what became of each call, and does so again when it is run again", async () => {
  expect(await runExample()).toEqual(PRINTED);
  expect(await runExample()).toEqual(PRINTED);
}, 120_000);

test("the example app's last state stands in both stores, with typed columns, and its delete left a tombstone", async () => {
  await runExample();
  const client = new Redis(redis.url);
  const sql = postgres(database.url, { max: 1 });
  try {
    expect(JSON.parse((await client.get("shop:coupon:SPRING")) as string)).toEqual({ percent: 20, note: "last days" });
    expect(await client.get("shop:coupon:SUMMER")).toBeNull();
    expect(await sql`SELECT code, percent, note, sync_original IS NULL AS deleted FROM coupons ORDER BY code`).toEqual([
      { code: "SPRING", percent: 20, note: "last days", deleted: false },
      { code: "SUMMER", percent: null, note: null, deleted: true },
    ]);
  } finally {
    client.disconnect();
    await sql.end();
  }
}, 120_000);
