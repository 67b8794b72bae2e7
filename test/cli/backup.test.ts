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
import { runHere } from "./run-here.js";

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
  env = {
    REDIS_URL: server.url,
    DATABASE_URL: database.url,
    DUAL_WRITE_WITHOUT_BACKUP: "",
    DUAL_WRITE_BACKUPS: join(folder, "backups"),
  };
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
  const without = await runHere(["migrate-schema"], env);
  expect(without).toMatchObject({ code: 1, stdout: "" });
  expect(without.stderr).toMatch(/a recent backup: there is none in .*Run `dual-write backup`/);

  // As a release does it: `backup && migrate-schema`.
  const failed = await runCli(["backup", "--label", "release", "--after", "echo no bucket >&2; false"], env, folder);
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(/no bucket[\s\S]*failed \(1\)/);
  expect((await runHere(["migrate-schema"], env)).stderr).toMatch(/wasn't sent elsewhere/);
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
  expect((await runHere(["migrate-schema"], env)).code).toBe(0);
  // There is nothing left that could do harm.
  expect((await runHere(["migrate-schema", "--backups", join(folder, "none")], env)).code).toBe(0);
});

test("a backfill makes its own backup, or says why there is none, and restore brings it back", async () => {
  await redis.set("threadr:email:ann@example.org", "{}");
  await runHere(["migrate-schema", "--without-backup", "a new database"], env);
  expect((await runHere(["backfill"], env)).code).toBe(1);
  const first = await runHere(["backfill", "--backup-first", "--json"], env);
  expect(first.code).toBe(0);
  const [name] = await readdir(join(folder, "backups"));
  expect(name).toMatch(/^before-backfill-/);
  expect((await runHere(["backfill"], env)).code).toBe(0);
  const skipped = await runHere(["backfill", "--without-backup", "", "--backups", join(folder, "none")], env);
  expect(skipped).toMatchObject({ code: 2 });
  expect(
    (await runHere(["backfill", "--without-backup", "a copy of production", "--backups", join(folder, "none")], env))
      .code,
  ).toBe(0);
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  const decisions = await sql<
    { reason: string }[]
  >`SELECT reason FROM dual_write_decisions WHERE what = 'without-backup' ORDER BY id`;
  expect(decisions.map(({ reason }) => reason)).toEqual(["a new database", "a copy of production"]);
  await sql.end();

  const backup = join(folder, "backups", name as string);
  expect(JSON.parse(await readFile(join(backup, "manifest.json"), "utf8")).redis.keys).toBe(1);
  await redis.flushall();
  const dry = await runHere(["restore", backup, "--only", "redis", "--dry-run"], env);
  expect(dry.stdout).toMatch(/It would do this:\nRedis: write 1 keys/);
  expect(await redis.dbsize()).toBe(0);
  const done = await runHere(["restore", backup, "--only", "redis"], env);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/Redis has 1 keys again/) });
  expect(await redis.get("threadr:email:ann@example.org")).toBe("{}");
  expect((await runHere(["restore", backup, "--only", "redis"], env)).stderr).toMatch(/Redis isn't empty/);
});

test("what was copied is rehearsed first, looked through, and taken back", async () => {
  for (let n = 0; n < 30; n++) await redis.set(`threadr:email:person${n}@example.org`, "{}");
  await redis.set("threadr:email:bad@example.org", "{");
  const without: Record<string, string> = { ...env, DUAL_WRITE_WITHOUT_BACKUP: "a test" };
  await runHere(["migrate-schema"], without);
  const run = (args: string[], environment = without) => runHere(args, environment);

  // Neither needs a backup, and neither writes anything.
  const rehearsed = await run(["backfill", "--dry-run", "--json"], env);
  expect(rehearsed.code).toBe(1);
  expect(JSON.parse(rehearsed.stdout)).toMatchObject({ mode: "rehearsed", counts: { copied: 30, setAside: 1 } });
  const validated = await run(["backfill", "--validate-only", "--show-keys"], env);
  expect(validated.stdout).toMatch(/Every value was decoded; nothing was written[\s\S]*valid[\s\S]*bad@example\.org: /);
  expect(await redis.keys("dual-write:*")).toEqual([]);

  expect(await run(["backfill", "--max-rejects", "1", "--pattern", "none", "--continue-on-error"])).toMatchObject({
    code: 0,
  });
  const copied = await run(["backfill", "--priority", "critical", "high", "medium", "--concurrency", "2", "--json"]);
  expect(copied.code).toBe(1);
  const { runId, counts } = JSON.parse(copied.stdout);
  expect(counts).toMatchObject({ copied: 30, setAside: 1 });

  const listed = await run(["rejects", "list", "--json"]);
  expect(listed.code).toBe(1);
  const [{ row, key }] = JSON.parse(listed.stdout).rejects;
  expect(key).not.toContain("bad");
  expect((await run(["rejects", "show", String(row)])).stdout).toMatch(
    /key: threadr:email:bad@example\.org\n[\s\S]*value: \{/,
  );
  expect((await run(["rejects", "export", "--to", join(folder, "out.jsonl")])).code).toBe(0);
  expect(JSON.parse(await readFile(join(folder, "out.jsonl"), "utf8"))).toMatchObject({
    key: "threadr:email:bad@example.org",
  });
  expect((await run(["rejects", "drop", "x", "--reason", "y"])).code).toBe(2);
  await redis.set("threadr:email:bad@example.org", "{}");
  expect(await run(["rejects", "retry"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 sent/) });

  const undone = await run(["undo-backfill", runId, "--json"]);
  expect(undone.code).toBe(0);
  expect(JSON.parse(undone.stdout).removed).toMatchObject({ users: 30 });
  expect((await run(["undo-backfill", "nothing"])).code).toBe(2);
  expect((await run(["backfill", "--reverse"])).stderr).toMatch(/Redis is the authority/);
});

test("what is asked for wrongly is told before a backup is asked for", async () => {
  const { code, stderr } = await runHere(["backfill", "--collection", "people"], env);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/there is no "people"; there are .*users/)]);
});
