/** `audit`, `plan` and `report` as processes: what they need, what they write, how they end. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runCli } from "../cli/run-cli.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";

// Each command is a process that loads everything anew.
vi.setConfig({ testTimeout: 120_000 });

let server: RedisServer;
let database: FreshDatabase;
let folder: string;

beforeAll(async () => {
  [server, database, folder] = await Promise.all([
    freshRedis(),
    freshDatabase(),
    mkdtemp(join(tmpdir(), "dual-write-audit-")),
  ]);
  const redis = new Redis(server.url);
  await redis.set("threadr:premium:email:ann@example.org", '{"expires_at": "2099-01-01"}');
  await redis.set("threadr:subscription:user:u1", '{"status": "active"}');
  redis.disconnect();
});

afterAll(async () => {
  await server?.stop();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

test("need no more than they look at, and leave pages for their owner only", async () => {
  const [page, planned, told] = ["audit.html", "plan.html", "report.html"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(page, "what stood there before");
  await chmod(page, 0o644);
  const noLog = "--no-log-file";
  const [stops, plan, report] = await Promise.all([
    runCli(["audit", "--json", "--max-memory", "1GB", "--html", page, noLog], { REDIS_URL: server.url }),
    runCli(["plan", "--html", planned, noLog]),
    runCli(["report", "--html", told, "--logs", folder, noLog], {
      REDIS_URL: server.url,
      DATABASE_URL: database.url,
    }),
  ]);

  expect(stops.code).toBe(1);
  const audited = JSON.parse(stops.stdout) as { premiumGrants: unknown; stopConditions: { passed: boolean }[] };
  expect(audited.premiumGrants).toMatchObject({ total: 1, active: 1 });
  expect(audited.stopConditions.filter(({ passed }) => !passed)).toHaveLength(2);
  expect(stops.stdout).not.toContain("ann@");

  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining("1. subscriptions (critical) → table") });
  // Nobody has set up the stores.
  expect(report.code).toBe(1);
  expect(report.stdout).toMatch(/No authority is known[\s\S]*0 backfills/);

  for (const file of [page, planned, told]) {
    expect((await stat(file)).mode & 0o777, file).toBe(0o600);
    expect(await readFile(file, "utf8"), file).toMatch(/^<!doctype html>/);
  }
  expect((await readdir(folder)).sort()).toEqual(["audit.html", "plan.html", "report.html"]);
});
