/** The plan week by week and its end: what is shown, what is refused, what is removed and what stays. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type DualWriteStore, GateRefusedError, Migration } from "../../src/index.js";
import { closeContext, withRedis } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { findLeftovers } from "../../src/migration/phase-out/leftovers.js";
import type { PhaseOutReport } from "../../src/migration/phase-out/phase-out.js";
import { removeOwnKeys } from "../../src/migration/phase-out/remove-own-keys.js";
import { parseCommandStats } from "../../src/migration/phase-out/usage-evidence.js";
import { strategyNames } from "../../src/strategy/strategies.js";
import { freshDatabase } from "../support/databases.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

const [FIRST, SECOND, THIRD, LAST] = strategyNames as [
  "REDIS_PRIMARY",
  "DUAL_WRITE",
  "POSTGRES_PRIMARY",
  "POSTGRES_ONLY",
];
const DAY_MS = 86_400_000;

// Each test has servers and processes of its own.
vi.setConfig({ testTimeout: 90_000 });

let pair: Pair;
/** A program that knows nothing of the library. */
let redis: Redis;
let migration: Migration;

beforeEach(async () => {
  pair = await openPair();
  redis = new Redis(pair.redis.url, { lazyConnect: true });
  migration = await Migration.open({ redis: pair.redis.url, postgres: pair.databaseUrl });
});

afterEach(async () => {
  await migration.close();
  redis.disconnect();
  await pair.end();
});

async function processAt(strategy: (typeof strategyNames)[number]): Promise<DualWriteStore> {
  const store = await pair.open(FIRST);
  await store.subscriptions.putForUser("ann", { subscriptionId: "s", planName: "pro", status: "active", tierLevel: 1 });
  await store.usage.track({ userId: "ann" });
  await migration.backfill();
  await migration.verify();
  for (const name of strategyNames.slice(1, strategyNames.indexOf(strategy) + 1)) await store.setStrategy(name);
  // A lease tells of the new strategy with its next renewal.
  await waitFor(async () => (await migration.status()).processes.every((lease) => lease.strategy === strategy), {
    what: `the lease at ${strategy}`,
  });
  return store;
}

const ownKeys = async () => (await redis.keys("dual-write:*")).filter((key) => !key.startsWith("dual-write:task:"));
const failed = ({ evidence }: PhaseOutReport) => evidence.filter(({ passed }) => !passed).map(({ name }) => name);

describe("the plan", () => {
  test("of stores that nobody has set up begins today with the first week", async () => {
    const { start, weeks } = await migration.phaseOutPlan();
    expect(start.toISOString()).toBe(`${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`);
    expect(weeks.map(({ state }) => state)).toEqual(["now", ...Array(weeks.length - 1).fill("later")]);
    expect(weeks[1]?.from.getTime()).toBe(start.getTime() + 7 * DAY_MS);
    for (const { waitsFor } of weeks) for (const { figure } of waitsFor) expect(figure).not.toBe("");
  });

  test("follows the fleet from week to week, names what is waited for, and tells what is late", async () => {
    const store = await pair.open(FIRST);
    const present = async () =>
      (await migration.phaseOutPlan({ start: new Date(Date.now() - 8 * DAY_MS) })).weeks.find(
        ({ state }) => state === "now",
      );
    const waits = async () => (await present())?.waitsFor.filter(({ passed }) => !passed).map(({ name }) => name);
    expect(await present()).toMatchObject({ week: 2, late: false });
    expect(await waits()).toEqual([`every process at ${SECOND} or later`]);
    // A lease tells of the new strategy with its next renewal.
    await store.setStrategy(SECOND);
    await waitFor(async () => (await present())?.week === 3, { what: "the third week" });
    await store.setStrategy(THIRD);
    await waitFor(async () => (await present())?.week === 4, { what: "the fourth week" });
    expect(await waits()).toEqual(["7 days under Postgres", "a clean verify of this week"]);
    await migration.verify();
    expect(await waits()).toEqual(["7 days under Postgres"]);
    const { weeks } = await migration.phaseOutPlan({ start: new Date(Date.now() - 30 * DAY_MS) });
    expect(weeks.map(({ late }) => late)).toEqual([false, false, false, true, false, false]);
    expect((await migration.phaseOutPlan()).start.toISOString().slice(0, 10)).toBe(
      new Date().toISOString().slice(0, 10),
    );
  });
});

describe("the end", () => {
  test("is refused while a process uses Redis, and changes nothing", async () => {
    await processAt(THIRD);
    const refused = migration.phaseOut({ reason: "too early", observeMs: 0 });
    await expect(refused).rejects.toBeInstanceOf(GateRefusedError);
    await expect(refused).rejects.toThrow(/nobody uses Redis/);
    expect((await migration.status()).redisGivenUp).toBe(false);
    await expect(migration.phaseOut({ observeMs: 0 })).rejects.toThrow(/reason/);
  });

  test("is refused for another fleet's Redis, whose keys stay", async () => {
    await processAt(THIRD);
    const database = await freshDatabase();
    const other = await Migration.open({ redis: pair.redis.url, postgres: database.url });
    try {
      await other.migrateSchema();
      const alone = await pair.open(LAST, { postgres: database.url, redis: undefined });
      await redis.connect();
      const before = (await ownKeys()).length;
      await expect(other.phaseOut({ reason: "a mistyped URL", observeMs: 0 })).rejects.toThrow(
        /of one fleet: processes live there/,
      );
      expect((await ownKeys()).length).toBe(before);
      await alone.close();
    } finally {
      await other.close();
      await database.drop();
    }
  });

  test("tried dry counts and shows the evidence, and changes nothing", async () => {
    await processAt(LAST);
    await redis.connect();
    const report = await migration.phaseOut({ dryRun: true, observeMs: 100 });
    expect(report).toMatchObject({ state: "planned", givenUpAt: null, removal: { finished: true } });
    expect(report.removal?.keys).toBe((await redis.keys("dual-write:*")).length);
    // The process still keeps it up to date.
    expect(failed(report)).toContain("nobody is connected");
    expect((await migration.status()).redisGivenUp).toBe(false);
  });

  test("gives Redis up, removes the library's keys alone, and tells who still uses it until nobody does", async () => {
    const store = await processAt(LAST);
    await redis.connect();
    const used = setInterval(() => void redis.get("threadr:subscription:user:ann"), 10);
    const report = await migration.phaseOut({ reason: "quiet weeks", observeMs: 300 });
    clearInterval(used);
    expect(report.state).toBe("in use");
    expect(report.givenUpAt).toBeInstanceOf(Date);
    expect(report.evidence[0]?.figure).toMatch(/get \d+/);
    expect(failed(report)).toEqual(expect.arrayContaining(["no command was run on data", "nobody is connected"]));
    expect(await ownKeys()).toEqual([]);
    expect(await redis.exists("threadr:subscription:user:ann")).toBe(1);
    expect((await store.health()).redis).toBeNull();
    redis.disconnect();

    const again = await migration.phaseOut({ reason: "quiet weeks", observeMs: 100 });
    expect(failed(again)).toEqual([]);
    expect(again).toMatchObject({ state: "done", givenUpAt: report.givenUpAt });
    expect((await migration.phaseOutPlan()).weeks[5]?.waitsFor.map(({ passed }) => passed)).toEqual([
      false,
      true,
      true,
    ]);
    expect(await store.subscriptions.findForUser("ann")).toMatchObject({ planName: "pro" });
  });

  test("stops where it is asked to, and the next run removes the rest", async () => {
    await processAt(LAST);
    await redis.connect();
    for (let i = 0; i < 30; i++)
      await redis.mset(
        Array.from({ length: 100 }, (_, j) => [`dual-write:{threadr:email:${i}-${j}}`, "1 1 - - -"]).flat(),
      );
    const abort = new AbortController();
    const stopped = await migration.phaseOut({
      reason: "quiet",
      observeMs: 0,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    expect(stopped.state).toBe("stopped");
    const left = (await ownKeys()).length;
    expect(left).toBeGreaterThan(0);
    redis.disconnect();
    const rest = await migration.phaseOut({ reason: "quiet", observeMs: 0 });
    expect(rest.removal?.keys).toBeGreaterThanOrEqual(left);
    await redis.connect();
    expect(await ownKeys()).toEqual([]);
  });

  test("removes nothing where Redis isn't given up, or while another process copies to it", async () => {
    await processAt(LAST);
    await redis.connect();
    const before = (await ownKeys()).length;
    const context = withRedis(await openContext({ redis: pair.redis.url, postgres: pair.databaseUrl }));
    try {
      await expect(removeOwnKeys(context, { dryRun: false })).rejects.toThrow(/isn't given up any more/);
      await context.postgres.store.setRedisGivenUp(true);
      await context.redis.store.claimTask("refill", "another", 60_000);
      await expect(removeOwnKeys(context, { dryRun: false })).rejects.toThrow(/Another process copies/);
      expect((await ownKeys()).length).toBe(before);
    } finally {
      await closeContext(context);
    }
  });

  test("without a connection to Redis gives it up and says that nothing was looked at", async () => {
    const store = await processAt(LAST);
    const alone = await Migration.open({ postgres: pair.databaseUrl });
    try {
      expect(await alone.phaseOut({ reason: "it was stopped" })).toMatchObject({
        state: "done",
        removal: null,
        evidence: [],
      });
      expect((await alone.status()).redisGivenUp).toBe(true);
    } finally {
      await alone.close();
      await store.close();
    }
  });
});

test("command statistics are counted by command, with their subcommands", () => {
  const info =
    "# Commandstats\r\ncmdstat_get:calls=3,usec=1,usec_per_call=0.33,rejected_calls=0\r\ncmdstat_client|list:calls=2,usec=9\r\ncmdstat_client|id:calls=1,usec=9\r\n";
  expect([...parseCommandStats(info)]).toEqual([
    ["get", 3],
    ["client", 3],
  ]);
});

test("leftovers are named with file and line, and never with their values", async () => {
  const folder = await mkdtemp(join(tmpdir(), "leftovers-"));
  try {
    await writeFile(join(folder, ".env"), "DATABASE_URL=postgres://x\nREDIS_URL=redis://:secret@h:1\n# REDIS_OLD=1\n");
    await writeFile(
      join(folder, "compose.yaml"),
      "services:\n  redis:\n    image: redis:7\n  app:\n    command: [run, redis://:secret@h]\n    depends_on:\n      - redis\n",
    );
    await writeFile(join(folder, "package.json"), '{\n  "dependencies": {\n    "ioredis": "^6"\n  }\n}\n');
    await writeFile(join(folder, "notes.md"), "redis\n");
    const found = await findLeftovers(folder);
    expect(found.map(({ file, line, name }) => `${file}:${line} ${name}`)).toEqual([
      ".env:2 REDIS_URL",
      "compose.yaml:2 redis",
      "compose.yaml:3 image",
      "compose.yaml:5 command",
      "compose.yaml:7 a line that names Redis",
      "package.json:3 ioredis",
    ]);
    expect(JSON.stringify(found)).not.toContain("secret");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
