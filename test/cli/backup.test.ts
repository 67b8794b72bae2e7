/** Backups on the command line: what they say, and what doesn't begin without one. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { runCli } from "./run-cli.js";

vi.setConfig({ testTimeout: 120_000 });

let server: RedisServer;
let database: FreshDatabase;
let redis: Redis;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await freshRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  redis = new Redis(server.url);
});

beforeEach(async () => {
  await redis.flushall();
  database = await freshDatabase();
  folder = await mkdtemp(join(tmpdir(), "dual-write-cli-backups-"));
  env = { REDIS_URL: server.url, DATABASE_URL: database.url, DUAL_WRITE_WITHOUT_BACKUP: "" };
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

test("a release stops before its migration where the backup fails, and goes on where it succeeds", async () => {
  const without = await runCli(["migrate-schema"], env, folder);
  expect(without).toMatchObject({ code: 1, stdout: "" });
  expect(without.stderr).toMatch(/a recent backup: there is none in .*Run `dual-write backup`/);

  // As a release does it: `backup && migrate-schema`.
  const failed = await runCli(["backup", "--label", "release", "--after", "echo no bucket >&2; false"], env, folder);
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(/no bucket[\s\S]*failed \(1\)/);
  expect((await runCli(["migrate-schema"], env, folder)).stderr).toMatch(/wasn't sent elsewhere/);
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  expect(await sql`SELECT FROM pg_tables WHERE schemaname = 'public'`).toHaveLength(0);
  await sql.end();

  const made = await runCli(
    ["backup", "--label", "release-2", "--after", 'cp -r "$DUAL_WRITE_BACKUP" ./elsewhere', "--json"],
    env,
    folder,
  );
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ manifest: { label: "release-2", sent: true } });
  expect(await readdir(join(folder, "elsewhere"))).toContain("manifest.json");
  expect((await runCli(["migrate-schema"], env, folder)).code).toBe(0);
  // There is nothing left that could do harm.
  expect((await runCli(["migrate-schema", "--backups", "none"], env, folder)).code).toBe(0);
});

test("a backfill makes its own backup, or says why there is none, and restore brings it back", async () => {
  await redis.set("threadr:email:ann@example.org", "{}");
  await runCli(["migrate-schema", "--without-backup", "a new database"], env, folder);
  expect((await runCli(["backfill"], env, folder)).code).toBe(1);
  const first = await runCli(["backfill", "--backup-first", "--json"], env, folder);
  expect(first.code).toBe(0);
  const [name] = await readdir(join(folder, ".dual-write/backups"));
  expect(name).toMatch(/^before-backfill-/);
  expect((await runCli(["backfill"], env, folder)).code).toBe(0);
  const skipped = await runCli(["backfill", "--without-backup", "", "--backups", "none"], env, folder);
  expect(skipped).toMatchObject({ code: 2 });
  expect(
    (await runCli(["backfill", "--without-backup", "a copy of production", "--backups", "none"], env, folder)).code,
  ).toBe(0);
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  const decisions = await sql<
    { reason: string }[]
  >`SELECT reason FROM dual_write_decisions WHERE what = 'without-backup' ORDER BY id`;
  expect(decisions.map(({ reason }) => reason)).toEqual(["a new database", "a copy of production"]);
  await sql.end();

  const backup = join(folder, ".dual-write/backups", name as string);
  expect(JSON.parse(await readFile(join(backup, "manifest.json"), "utf8")).redis.keys).toBe(1);
  await redis.flushall();
  const dry = await runCli(["restore", backup, "--only", "redis", "--dry-run"], env, folder);
  expect(dry.stdout).toMatch(/It would do this:\nRedis: write 1 keys/);
  expect(await redis.dbsize()).toBe(0);
  const done = await runCli(["restore", backup, "--only", "redis"], env, folder);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/Redis has 1 keys again/) });
  expect(await redis.get("threadr:email:ann@example.org")).toBe("{}");
  expect((await runCli(["restore", backup, "--only", "redis"], env, folder)).stderr).toMatch(/Redis isn't empty/);
});
