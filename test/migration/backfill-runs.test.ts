/** Runs of the backfill that are stopped, killed, refused, run at once or outlive an outage. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ConflictError, StrategyError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { DistinctKeys } from "../../src/migration/keyspace/distinct-keys.js";
import { closeContext } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { verify } from "../../src/migration/verify/verify.js";
import { companionKey } from "../../src/stores/redis/keys.js";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import { waitFor } from "../support/wait-for.js";
import { type Fixture, signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const PEOPLE = 500;

async function writePeople({ redis }: Fixture, people = PEOPLE): Promise<void> {
  const pipeline = redis.pipeline();
  for (let n = 0; n < people; n++) pipeline.set(`threadr:email:person${n}@example.org`, signUp({ n }));
  await pipeline.exec();
}

async function copied(): Promise<number> {
  const [row] = await fixture().sql`SELECT count(*)::int AS count FROM users`;
  return row?.count as number;
}

test("stops after the page under way, and goes on from there", async () => {
  await writePeople(fixture());
  const stop = new AbortController();
  const first = await backfill(fixture().context, {
    pageSize: 20,
    signal: stop.signal,
    onProgress: ({ seen }) => seen >= 100 && stop.abort(),
  });
  expect(first.state).toBe("stopped");
  expect(first.addsUp).toBe(true);
  expect(first.counts.seen).toBeGreaterThanOrEqual(100);
  expect(first.counts.seen).toBeLessThan(PEOPLE);
  expect(await copied()).toBe(first.counts.copied);
  const second = await backfill(fixture().context, { pageSize: 20 });
  expect(second).toMatchObject({ state: "finished", resumed: true, runId: first.runId, addsUp: true });
  expect(second.counts).toMatchObject({ seen: PEOPLE, copied: PEOPLE });
});

test("begins anew on request only: what was stopped is named to whoever asks for another part of the same", async () => {
  await writePeople(fixture());
  const stop = new AbortController();
  const options = { pageSize: 20, signal: stop.signal, onProgress: () => stop.abort() };
  const first = await backfill(fixture().context, options);
  await expect(backfill(fixture().context, { collections: ["users"] })).rejects.toThrow(
    new RegExp(`the backfill ${first.runId}, begun .* was asked for something else \\(collections\\).*--restart`),
  );
  expect(await backfill(fixture().context, { collections: ["users"], restart: true })).toMatchObject({
    resumed: false,
    state: "finished",
  });
  const second = await backfill(fixture().context, { restart: true });
  expect(second).toMatchObject({ resumed: false, counts: { seen: PEOPLE, unchanged: PEOPLE } });
  expect(second.runId).not.toBe(first.runId);
  const runs = await fixture().sql`SELECT state FROM dual_write_backfill_runs WHERE finished_at IS NULL`;
  expect(runs).toHaveLength(0);
});

test("leaves the place of a stopped run of other collections alone", async () => {
  await writePeople(fixture());
  const stop = new AbortController();
  const options = { collections: ["users"], pageSize: 20 };
  const first = await backfill(fixture().context, { ...options, signal: stop.signal, onProgress: () => stop.abort() });
  expect((await backfill(fixture().context, { collections: ["threads"] })).state).toBe("finished");
  expect(await backfill(fixture().context, options)).toMatchObject({ resumed: true, runId: first.runId });
});

describe("killed at any point", () => {
  test.each([1, 3])(
    "and run again, it loses nothing and doesn't count twice (kill %i)",
    async (n) => {
      await writePeople(fixture());
      const child = startChild(fixture());
      await waitFor(async () => (await copied()) >= n * 75, { timeoutMs: 60_000 });
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
      const report = await backfill(fixture().context, { pageSize: 10 });
      expect(report).toMatchObject({ state: "finished", resumed: true, addsUp: true, counts: { seen: PEOPLE } });
      expect(report.counts.copied + report.counts.unchanged).toBe(PEOPLE);
      expect(await copied()).toBe(PEOPLE);
    },
    120_000,
  );
});

function startChild({ urls }: Fixture): ChildProcess {
  const program = fileURLToPath(new URL("backfill-process.ts", import.meta.url));
  return fork(program, [urls.redis, urls.postgres], { execArgv: ["--import", "tsx"], stdio: "ignore" });
}

test("of two runs at once one copies and the other is refused, unless they share the work by collections", async () => {
  await writePeople(fixture());
  await fixture().redis.set("threadr:premium:email:a@example.org", "{}");
  const { urls } = fixture();
  const other = await openContext({ redis: urls.redis, postgres: urls.postgres });
  try {
    const [one, two] = await Promise.allSettled([
      backfill(fixture().context, { pageSize: 20, rate: 100 }),
      backfill(other, { pageSize: 20, rate: 100 }),
    ]);
    const [refused, done] = one.status === "rejected" ? [one, two] : [two as PromiseRejectedResult, one];
    expect(refused.reason).toBeInstanceOf(ConflictError);
    expect(String(refused.reason)).toMatch(/The backfill \S+, begun .* copies .*users.* just now/);
    expect(done).toMatchObject({ status: "fulfilled", value: { state: "finished", counts: { seen: PEOPLE + 1 } } });

    const [users, grants] = await Promise.all([
      backfill(fixture().context, { collections: ["users"], rate: 400, pageSize: 20 }),
      backfill(other, { collections: ["subscriptions"], rate: 400, pageSize: 20 }),
    ]);
    expect([users.complete, grants.complete]).toEqual([["users"], ["subscriptions"]]);
  } finally {
    await closeContext(other);
  }
});

test("one that looked before the other had begun is refused too, instead of going on with it", async () => {
  await writePeople(fixture());
  const { context, urls } = fixture();
  const other = await openContext({ redis: urls.redis, postgres: urls.postgres });
  const stop = new AbortController();
  let running: Promise<unknown> | undefined;
  const evidence = new Proxy(other.evidence, {
    get(real, name) {
      if (name === "openBackfills" && !running)
        return async () => {
          // At its second page the place of the first is kept.
          await new Promise<void>((resolve) => {
            const onProgress = ({ scanned }: { scanned: number }) => scanned > 40 && resolve();
            running = backfill(context, { pageSize: 20, rate: 100, signal: stop.signal, onProgress });
          });
          return [];
        };
      const value = Reflect.get(real, name);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
  try {
    await expect(backfill({ ...other, evidence })).rejects.toThrow(ConflictError);
    stop.abort();
    expect(await running).toMatchObject({ state: "stopped" });
  } finally {
    await closeContext(other);
  }
});

test("whose end can't be written lets go of its place all the same", async () => {
  await writePeople(fixture(), 20);
  const { context } = fixture();
  const stop = new AbortController();
  const evidence = new Proxy(context.evidence, {
    get(real, name) {
      if (name === "endBackfill")
        return async () => {
          stop.abort();
          throw Object.assign(new Error("gone"), { code: "ECONNRESET" });
        };
      const value = Reflect.get(real, name);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
  await expect(backfill({ ...context, evidence }, { signal: stop.signal })).rejects.toThrow(/aborted/);
  expect(await backfill(context)).toMatchObject({ state: "finished", resumed: true, counts: { copied: 20 } });
});

test("is refused while Postgres is the authority", async () => {
  const { context, redis } = fixture();
  const term = await fixture().term();
  await redis.set("threadr:email:ann@example.org", signUp());
  await context.redis.store.closeFence(term);
  await context.postgres.store.openFence(term + 1);
  await context.redis.store.raiseFence(term + 1);
  await expect(backfill(context)).rejects.toThrow(StrategyError);
  await expect(backfill(context)).rejects.toThrow(/Postgres is the authority/);
  expect(await copied()).toBe(0);
});

test("names a collection that isn't there, and a rate that isn't one", async () => {
  await expect(backfill(fixture().context, { collections: ["user"], rate: 0 })).rejects.toThrow(
    /there is no "user"[\s\S]*rate: a number from 1/,
  );
});

test("begins anew on request after Redis restarted, and fills what it lost from Postgres first", async () => {
  const { context, redis } = fixture();
  await writePeople(fixture());
  const stop = new AbortController();
  const first = await backfill(context, {
    pageSize: 20,
    signal: stop.signal,
    onProgress: ({ seen }) => seen >= 100 && stop.abort(),
  });
  await fixture().restartRedis();
  await waitFor(() => redis.ping());
  await expect(backfill(context)).rejects.toThrow(
    /read another Redis server, or this one before its restart.*--restart/,
  );
  const second = await backfill(context, { restart: true });
  expect(second).toMatchObject({ state: "finished", resumed: false, addsUp: true, counts: { seen: PEOPLE } });
  expect(second.runId).not.toBe(first.runId);
  expect(await copied()).toBe(PEOPLE);
});

test("keeps to a rate", async () => {
  await writePeople(fixture(), 60);
  const began = performance.now();
  await backfill(fixture().context, { rate: 100, pageSize: 10 });
  expect(performance.now() - began).toBeGreaterThan(500);
});

test("says how far it is, with rate and time left", async () => {
  await writePeople(fixture());
  const told: { phase: string; seen: number; scanned: number; total: number; rate: number; etaMs: number | null }[] =
    [];
  await backfill(fixture().context, { pageSize: 50, onProgress: (progress) => told.push(progress) });
  const copying = told.filter(({ phase }) => phase === "copy");
  expect(copying.length).toBeGreaterThan(3);
  expect(copying.every(({ total, scanned }) => total >= PEOPLE && scanned <= total)).toBe(true);
  expect(copying.some(({ rate, etaMs }) => rate > 0 && etaMs !== null)).toBe(true);
  expect(told.map(({ phase }) => phase)).toContain("drain");
  expect(told.at(-1)).toMatchObject({ phase: "finish", seen: PEOPLE });
});

describe("a repair log that overflowed", () => {
  test("is made good: also deletes and expiries that it left out are carried over", async () => {
    const { context, redis, urls } = fixture();
    const users = fixture().records("users");
    const [id, over] = ["gone@example.org", "over@example.org"];
    for (const one of [id, over]) await redis.set(`threadr:email:${one}`, signUp());
    await backfill(context);
    const small = await RedisStore.connect({ redis: urls.redis, logLimit: 1 });
    try {
      const term = await fixture().term();
      const write = (one: string, bytes: Buffer | null, expiresAt: number | null = null) =>
        small.writeRecords(users, term, [{ id: one, bytes, expiresAt, operationId: `write-${one}` }]);
      await write("first@example.org", Buffer.from(signUp()));
      await write(id, null);
      await write(over, Buffer.from(signUp()), Date.now() - 1000);
      expect(await small.logStatus(users)).toMatchObject({ overflowed: true });
    } finally {
      await small.close();
    }
    expect(await fixture().row("users", id)).toMatchObject({ bytes: signUp() });
    const report = await backfill(context);
    expect(report).toMatchObject({ deletes: 2, overflowed: [] });
    for (const one of [id, over]) expect(await fixture().row("users", one)).toMatchObject({ bytes: null });
    expect(await context.redis.store.logStatus(users)).toMatchObject({ overflowed: false, entries: 0 });
  });

  test("is made good also of what Redis has forgotten by now, and Postgres has without an end", async () => {
    const { context, redis, urls } = fixture();
    const [users, usage] = [fixture().records("users"), fixture().counters("usage")];
    const [id, stays] = ["ended@example.org", "stays@example.org"];
    const [count, live] = ["email:a@example.org:daily:2026-11-20", "email:b@example.org:daily:2026-11-20"];
    for (const one of [id, stays]) await redis.set(`threadr:email:${one}`, signUp());
    for (const one of [count, live]) await redis.set(`threadr:usage:${one}`, "7");
    await backfill(context);
    const full = await RedisStore.connect({ redis: urls.redis, logLimit: 0 });
    try {
      const term = await fixture().term();
      const bytes = Buffer.from(signUp({ n: 2 }));
      const expiresAt = Date.now() + 60_000;
      await full.writeRecords(users, term, [{ id, bytes, expiresAt, operationId: "write-1" }]);
      const add = { id: count, by: 1, operationId: "count-1", ttlMs: 60_000, renew: true };
      await full.addToCounters(usage, term, [add]);
    } finally {
      await full.close();
    }
    // They expired, and the retention is over.
    for (const key of [users.redisKey(id), usage.redisKey(count)]) await redis.del(key, companionKey(key));
    expect(await backfill(context)).toMatchObject({ deletes: 2, overflowed: [], logsEmpty: true });
    expect(await fixture().row("users", id)).toMatchObject({ bytes: null });
    expect(await fixture().sum(count)).toBe(0);
    expect(await fixture().row("users", stays)).toMatchObject({ bytes: signUp(), stamp: 0 });
    expect(await fixture().sum(live)).toBe(7);
    expect(await fixture().companion(users.redisKey(stays))).toBeNull();
    expect(await context.redis.store.logStatus(users)).toMatchObject({ overflowed: false, entries: 0 });
    expect(await verify(context)).toMatchObject({ clean: true });
  });

  test("during the run leaves its collection incomplete", async () => {
    const { context } = fixture();
    await writePeople(fixture());
    await fixture().term();
    const report = await backfill(context, {
      pageSize: 50,
      onProgress: ({ phase }) =>
        phase === "copy" && void fixture().redis.set("dual-write:overflow:users", "1234567890123456"),
    });
    expect(report.overflowed).toEqual(["users"]);
    expect(report.complete).not.toContain("users");
    expect(await fixture().redis.get("dual-write:overflow:users")).toBe("1234567890123456");
    expect(await backfill(context)).toMatchObject({ overflowed: [] });
  });
});

test("distinct keys are told from repeated ones within their memory, and it says when it is full", () => {
  const keys = new DistinctKeys(1 << 13);
  for (let n = 0; n < 6000; n++) expect(keys.add(Buffer.from(`key:${n}`))).toBe(true);
  for (let n = 0; n < 6000; n++) expect(keys.add(Buffer.from(`key:${n}`))).toBe(false);
  expect(keys.exact).toBe(true);
  for (let n = 6000; n < 7000; n++) keys.add(Buffer.from(`key:${n}`));
  expect(keys.exact).toBe(false);
});
