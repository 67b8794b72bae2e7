/** Flips and rollbacks of a live fleet: what is refused, what is told, what is waited for, and what is copied first. */
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type DualWriteStore, fromFile, GateRefusedError, Migration, StrategyError } from "../../src/index.js";
import { closeContext } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { type RecordedDecision, readDecisions } from "../../src/stores/postgres/decision-list.js";
import { takeRedisBack } from "../../src/strategy/give-up.js";
import { strategyNames } from "../../src/strategy/strategies.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

const [FIRST, SECOND, THIRD, LAST] = strategyNames as [
  "REDIS_PRIMARY",
  "DUAL_WRITE",
  "POSTGRES_PRIMARY",
  "POSTGRES_ONLY",
];

// Each test has servers and processes of its own.
vi.setConfig({ testTimeout: 90_000 });

let pair: Pair;
let redis: Redis;
let migration: Migration;
let folder: string;
let file: string;

beforeEach(async () => {
  [pair, folder] = await Promise.all([openPair(), mkdtemp(join(tmpdir(), "flip-"))]);
  redis = new Redis(pair.redis.url);
  file = join(folder, "strategy");
  migration = await Migration.open({ redis: pair.urls.redis, postgres: pair.urls.postgres });
  await migration.migrateSchema();
});

afterEach(async () => {
  await migration.close();
  redis.disconnect();
  await pair.end();
  await rm(folder, { recursive: true, force: true });
});

/** Processes that follow the file. */
async function follow(strategy: string, count = 2): Promise<DualWriteStore[]> {
  await writeFile(file, `${strategy}\n`);
  return Promise.all(Array.from({ length: count }, () => pair.open(fromFile(file, 30))));
}

/** What was decided by whoever flipped, the newest first. */
async function decisions(): Promise<RecordedDecision[]> {
  const sql = postgres(pair.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const all = await readDecisions(sql);
    return all.filter(({ what }) => ["flip", "rollback", "forced-passage"].includes(what));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const plan = (name: string) =>
  ({ subscriptionId: `sub-${name}`, planName: name, status: "active", tierLevel: 1 }) as const;
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );

describe("a fleet that follows a file", () => {
  test("goes through every stage and back, keeps what was written at each, and the decisions", async () => {
    const stores = await follow(FIRST);
    const walk = [SECOND, THIRD, LAST, "back", "back", "back"] as const;
    const written: string[] = [];
    for (const [i, to] of walk.entries()) {
      await stores[i % 2]?.subscriptions.putForUser(`user-${i}`, plan(`plan-${i}`));
      await stores[0]?.usage.track({ userId: "someone" });
      written.push(`user-${i}`);
      const options = { strategyFile: file, reason: `step ${i}` };
      const report = to === "back" ? await migration.rollback(options) : await migration.flip(to, options);
      expect(report).toMatchObject({ state: "done", recorded: true, waitingFor: null });
      expect(report.crossed).toHaveLength(2);
      expect(stores.map(({ strategy }) => strategy)).toEqual([report.to, report.to]);
    }
    expect(await readFile(file, "utf8")).toBe(`${FIRST}\n`);
    for (const [i, user] of written.entries())
      expect(await stores[1]?.subscriptions.findForUser(user)).toMatchObject({ planName: `plan-${i}` });
    expect((await stores[1]?.usage.stats({ userId: "someone" }))?.today).toBe(walk.length);
    const kept = (await decisions()).reverse();
    expect(kept.map(({ what, strategy, reason }) => [what, strategy, reason])).toEqual([
      ["flip", SECOND, "step 0"],
      ["flip", THIRD, "step 1"],
      ["flip", LAST, "step 2"],
      ["rollback", THIRD, "step 3"],
      ["rollback", SECOND, "step 4"],
      ["rollback", FIRST, "step 5"],
    ]);
    expect((await failure(migration.rollback({ strategyFile: file }))).message).toMatch(/first stage/);
  });

  test("isn't told anything by a dry run, which shows the gate, the steps and who would cross", async () => {
    await redis.set("threadr:email:ann@example.org", '{"source": "landing"}');
    await follow(SECOND);
    const report = await migration.flip(THIRD, { strategyFile: file, dryRun: true });
    expect(report).toMatchObject({ state: "planned", from: [SECOND], to: THIRD, moves: "postgres", passes: false });
    expect(report.gate.find(({ name }) => name === "users: backfill complete")).toMatchObject({ passed: false });
    expect(report.behind).toHaveLength(2);
    expect(report.steps.map(({ kind }) => kind)).toEqual(["record", "tell", "cross", "hand over"]);
    expect(report.steps[1]?.text).toContain(file);
    expect(await readFile(file, "utf8")).toBe(`${SECOND}\n`);
    expect(await decisions()).toEqual([]);
  });

  test("isn't told anything when the gate refuses, and every check is named", async () => {
    await redis.set("threadr:email:ann@example.org", '{"source": "landing"}');
    const [store] = await follow(SECOND, 1);
    const error = (await failure(migration.flip(THIRD, { strategyFile: file }))) as GateRefusedError;
    expect(error).toBeInstanceOf(GateRefusedError);
    expect(error.checks.filter(({ passed }) => !passed).map(({ name }) => name)).toContain("users: backfill complete");
    expect(await readFile(file, "utf8")).toBe(`${SECOND}\n`);
    expect(await decisions()).toEqual([]);
    expect((await store?.health())?.authority).toBe("redis");
  });

  test("passes a failing gate by force with a reason, which is kept", async () => {
    await redis.set("threadr:email:ann@example.org", '{"source": "landing"}');
    await follow(SECOND, 1);
    const forced = { strategyFile: file, force: true };
    expect((await failure(migration.flip(THIRD, { ...forced, reason: " " }))).message).toMatch(/reason/);
    expect(await readFile(file, "utf8")).toBe(`${SECOND}\n`);
    const report = await migration.flip(THIRD, { ...forced, reason: "only one sign-up" });
    expect(report).toMatchObject({ state: "done", forced: true, authority: "postgres" });
    expect(await decisions()).toContainEqual(
      expect.objectContaining({ what: "forced-passage", strategy: THIRD, reason: "only one sign-up", forced: true }),
    );
  });
});

describe("a fleet that is told by restarts", () => {
  test("is named process by process with the variable, waited for, and found crossed by the next run", async () => {
    const old = await Promise.all([pair.open(FIRST), pair.open(FIRST)]);
    const steps: string[] = [];
    const waiting: (string | null)[] = [];
    const first = await migration.flip(SECOND, {
      variable: "APP_STRATEGY",
      timeoutMs: 600,
      onSteps: (all) => steps.push(...all.map(({ text }) => text)),
      onProgress: ({ waitingFor }) => waiting.push(waitingFor),
    });
    expect(first).toMatchObject({ state: "waiting", from: [FIRST], crossed: [], recorded: true });
    expect(first.behind).toHaveLength(2);
    expect(steps.join("\n")).toMatch(
      new RegExp(`APP_STRATEGY=${SECOND}: .*:${process.pid} \\(${FIRST}\\), .*:${process.pid}`),
    );
    expect(waiting[0]).toMatch(/^\S+ \(\w+\), \S+ \(\w+\) to cross$/);

    let done = false;
    const second = migration.flip(SECOND, {
      onProgress: ({ crossed, behind }) => waiting.push(`${crossed.length} of ${crossed.length + behind.length}`),
    });
    void second.then(() => {
      done = true;
    });
    const renewed = [];
    for (const [i, store] of old.entries()) {
      expect(done).toBe(false);
      renewed.push(await pair.open(SECOND));
      await waitFor(() => waiting.at(-1) === `${i + 1} of 3`, { what: `a look that finds ${i + 1} of 3` });
      await store.close();
    }
    expect(await second).toMatchObject({ state: "done", from: [FIRST], waitingFor: null });
    expect((await second).crossed).toHaveLength(2);
  });

  test("is shown to wait for the gate when a check fails only after the processes crossed", async () => {
    await redis.set("threadr:email:ann@example.org", '{"source": "landing"}');
    await pair.open(THIRD);
    const report = await migration.flip(THIRD, { dryRun: true });
    expect(report).toMatchObject({ from: [THIRD], moves: "postgres", passes: false });
    expect(report.steps.find(({ kind }) => kind === "tell")?.text).toMatch(/Nobody need be told/);
    const forced = await migration.flip(THIRD, { force: true, reason: "known" });
    expect(forced).toMatchObject({ state: "done", authority: "postgres" });
  });

  test("stops waiting when asked to; the decision stands", async () => {
    const store = await pair.open(FIRST);
    const abort = new AbortController();
    const report = await migration.flip(SECOND, { signal: abort.signal, onProgress: () => abort.abort() });
    expect(report).toMatchObject({ state: "waiting", recorded: true });
    expect(store.strategy).toBe(FIRST);
  });
});

describe("a flip is refused", () => {
  test("two or more stages away, with the processes' names", async () => {
    await pair.open(FIRST);
    const error = await failure(migration.flip(THIRD));
    expect(error).toBeInstanceOf(StrategyError);
    expect(error.message).toContain(`:${process.pid} (${FIRST})`);
  });

  test("two or more stages from an authority that nobody lives under", async () => {
    const store = await pair.open(FIRST);
    await store.close();
    expect((await failure(migration.flip(LAST))).message).toMatch(/No process is alive, and redis is the authority/);
    expect((await failure(migration.rollback())).message).toMatch(/No process is alive/);
    expect(await migration.flip(SECOND, { timeoutMs: 0 })).toMatchObject({
      state: "waiting",
      waitingFor: `a process to start as ${SECOND}`,
    });
  });

  test("for a name that is no strategy, and for a file at which none stands", async () => {
    expect(await failure(migration.flip("POSTGRES" as never))).toBeInstanceOf(StrategyError);
    const [store] = await follow(FIRST, 1);
    expect((await failure(migration.flip(SECOND, { strategyFile: join(folder, "stratgy") }))).message).toMatch(
      /no file/,
    );
    const other = join(folder, ".env");
    await writeFile(other, "REDIS_URL=redis://localhost\n");
    const { message } = await failure(migration.flip(SECOND, { strategyFile: other }));
    expect(message).toMatch(/isn't touched/);
    expect(await readFile(other, "utf8")).toBe("REDIS_URL=redis://localhost\n");
    expect(await decisions()).toEqual([]);
    expect(store?.strategy).toBe(FIRST);
  });
});

test("a strategy file keeps its mode, and a link to it stays one", async () => {
  await follow(FIRST, 1);
  await chmod(file, 0o664);
  const link = join(folder, "current");
  await symlink(file, link);
  expect(await migration.flip(SECOND, { strategyFile: link })).toMatchObject({ state: "done" });
  expect(await readFile(file, "utf8")).toBe(`${SECOND}\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o664);
  expect(await readFile(link, "utf8")).toBe(`${SECOND}\n`);
});

test("a rollback that was stopped before the authority had moved goes on when it is run again, and no further", async () => {
  await follow(FIRST, 1);
  for (const to of [SECOND, THIRD]) await migration.flip(to, { strategyFile: file });
  const beside = await Migration.open({ redis: pair.redis.url, postgres: pair.databaseUrl });
  try {
    // The fleet can't make Redis the authority, so it stays half-way.
    await pair.redisProxy.setMode("refuse");
    await writeFile(file, `${SECOND}\n`);
    await waitFor(async () => (await beside.status()).processes.every(({ strategy }) => strategy === SECOND));
    expect(await beside.rollback({ dryRun: true, strategyFile: file })).toMatchObject({ to: SECOND });
    await pair.redisProxy.setMode("pass");
    expect(await beside.rollback({ strategyFile: file })).toMatchObject({
      state: "done",
      to: SECOND,
      authority: "redis",
    });
    expect(await beside.rollback({ strategyFile: file })).toMatchObject({ state: "done", to: FIRST });
  } finally {
    await beside.close();
  }
});

test("a rollback to the first stage works while Postgres is away, and says that the decision isn't in its list", async () => {
  const [store] = await follow(SECOND, 1);
  await pair.databaseProxy.setMode("refuse");
  expect(await migration.rollback({ strategyFile: file })).toMatchObject({ state: "done", recorded: false, to: FIRST });
  expect(store?.strategy).toBe(FIRST);
});

describe("a rollback after Redis was given up", () => {
  async function givenUp(): Promise<DualWriteStore> {
    const [store] = (await follow(SECOND, 1)) as [DualWriteStore];
    for (let i = 0; i < 30; i++) await store.subscriptions.putForUser(`user-${i}`, plan(`plan-${i}`));
    await migration.flip(THIRD, { strategyFile: file });
    await migration.flip(LAST, { strategyFile: file });
    await migration.giveUpRedis({ reason: "quiet weeks" });
    await waitFor(async () => (await store.health()).redis === null, { what: "the process to let go of Redis" });
    await store.subscriptions.putForUser("late", plan("late"));
    return store;
  }

  test("refuses a Redis that holds keys, copies everything into an emptied one, and goes back stage by stage", async () => {
    const store = await givenUp();
    const planned = await migration.rollback({ strategyFile: file, dryRun: true });
    expect(planned.steps.map(({ kind }) => kind)).toEqual(["copy", "record", "tell", "cross"]);
    const { message } = await failure(migration.rollback({ strategyFile: file }));
    expect(message).toMatch(/holds keys[\s\S]*FLUSHDB/);
    expect(await readFile(file, "utf8")).toBe(`${LAST}\n`);
    expect((await migration.status()).redisGivenUp).toBe(true);

    await redis.flushdb();
    let copied = 0;
    const back = await migration.rollback({ strategyFile: file, onCopied: (count) => (copied = count) });
    expect(back).toMatchObject({ state: "done", to: THIRD, authority: "postgres" });
    expect(copied).toBeGreaterThanOrEqual(31);
    expect(JSON.parse((await redis.get("threadr:subscription:user:late")) as string)).toMatchObject({
      plan_name: "late",
    });
    expect(await migration.rollback({ strategyFile: file })).toMatchObject({
      state: "done",
      to: SECOND,
      authority: "redis",
    });
    expect(await store.subscriptions.findForUser("user-7")).toMatchObject({ planName: "plan-7" });
  });

  test("is gone on with when it was stopped in the middle, also where the library's keys of before were left", async () => {
    await givenUp();
    const legacy = (await redis.keys("*")).filter((key) => !key.startsWith("dual-write:"));
    await redis.del(...legacy);
    const abort = new AbortController();
    const stopped = migration.rollback({ strategyFile: file, signal: abort.signal, onCopied: () => abort.abort() });
    expect((await failure(stopped)).name).toBe("AbortError");
    expect(await readFile(file, "utf8")).toBe(`${LAST}\n`);
    expect((await migration.status()).collections.subscriptions?.complete.redis).toBe(false);
    // Nobody is told yet: all is there before the first process crosses.
    const again = await migration.rollback({ timeoutMs: 0 });
    expect(again.steps[0]?.kind).toBe("copy");
    expect(again).toMatchObject({ state: "waiting", to: THIRD });
    expect((await migration.status()).collections.subscriptions?.complete.redis).toBe(true);
    expect(await migration.rollback({ strategyFile: file })).toMatchObject({ state: "done", to: THIRD });
    expect(await redis.exists("threadr:subscription:user:user-3", "threadr:subscription:user:late")).toBe(2);
  });

  test("is gone on with when it died before the term was raised: the fence of before doesn't pass for a full Redis", async () => {
    await givenUp();
    const legacy = (await redis.keys("*")).filter((key) => !key.startsWith("dual-write:"));
    await redis.del(...legacy);
    const context = await openContext({ redis: pair.redis.url, postgres: pair.databaseUrl });
    try {
      context.postgres.store.raiseTerm = () => Promise.reject(new Error("killed here"));
      await expect(takeRedisBack(context, "it dies")).rejects.toThrow("killed here");
      expect(await context.redis?.store.readFence()).toMatchObject({ complete: false });
    } finally {
      await closeContext(context);
    }
    expect((await migration.status()).redisGivenUp).toBe(false);
    const again = await migration.rollback({ strategyFile: file });
    expect(again.steps[0]?.kind).toBe("copy");
    expect(await redis.exists("threadr:subscription:user:user-3", "threadr:subscription:user:late")).toBe(2);
  });
});
