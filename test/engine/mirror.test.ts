/** Telling the mirror: what clears the repair log, what is reported, and what never reaches the caller. */
import { describe, expect, test } from "vitest";
import { mirrorCounters, mirrorRecords, reportOverwritten } from "../../src/engine/mirror.js";
import type { RecordState } from "../../src/stores/state.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { type counterState, recordState } from "../contract/contract-harness.js";
import { EngineFixture, never, onVirtualTime, operation, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");

/** Redis reigns and has written `a`, with its repair-log entry. */
async function written(authority: "redis" | "postgres" = "redis") {
  const engine = await new EngineFixture().reign(authority);
  const answer = await engine[authority].store.writeRecords(items, 1, [write("a", { bytes: RED })]);
  const { state } = (answer as unknown as { results: { state: RecordState }[] }).results[0] as { state: RecordState };
  engine.calls.length = 0;
  const tell = (messages = [{ id: "a", state }]) =>
    mirrorRecords(engine.context, items, { term: 1, authority }, messages, operation());
  const logged = async () => {
    await engine.context.clearer.settled();
    return (await engine[authority].store.readLog(items, 10)).map(({ id }) => id);
  };
  return { engine, state, tell, logged };
}

describe.each(["redis", "postgres"] as const)("with %s as the authority", (authority) => {
  test("a confirmed state's repair-log entry goes", async () => {
    const { engine, state, tell, logged } = await written(authority);
    expect(await tell()).toBe("told");
    expect(await logged()).toEqual([]);
    const mirror = authority === "redis" ? engine.postgres.store : engine.redis.store;
    expect((await mirror.readRecords(items, ["a"])).held[0]).toMatchObject({ kind: "value", stamp: state.stamp });
    expect(engine.told).toEqual({});
  });

  test("a mirror that is away is reported, and the entry stays", async () => {
    const { engine, tell, logged } = await written(authority);
    const mirror = authority === "redis" ? "postgres" : "redis";
    engine.outage(mirror);
    expect(await tell()).toBe("told");
    expect(await logged()).toEqual(["a"]);
    expect(engine.told.mirrorFailure).toEqual([
      { collection: items.name, mirror, count: 1, reason: "connect ECONNREFUSED" },
    ]);
  });
});

test("a silent mirror costs no more than its deadline", async () => {
  const { engine, tell, logged } = await written();
  engine.whenever("postgres.applyRecords", never);
  const begun = performance.now();
  expect(await tell()).toBe("told");
  const took = performance.now() - begun;
  expect(took).toBeGreaterThan(80);
  expect(took).toBeLessThan(900);
  expect(engine.told.mirrorFailure).toMatchObject([{ reason: "postgres didn't answer within 100 ms" }]);
  expect(await logged()).toEqual(["a"]);
});

test("nor more than the operation has left", async () => {
  const { engine, state } = await written();
  engine.whenever("postgres.applyRecords", never);
  const messages = [{ id: "a", state }];
  await mirrorRecords(engine.context, items, { term: 1, authority: "redis" }, messages, operation(0));
  expect(engine.told.mirrorFailure).toMatchObject([{ reason: "postgres didn't answer within 1 ms" }]);
});

test("nobody waits for a mirror in the background, nor with nothing to tell", async () => {
  const { engine, tell } = await written();
  expect(await tell([])).toBe("told");
  engine.policy.mirror = "background";
  expect(await tell()).toBe("told");
  expect(engine.calls).toEqual([]);
});

test("without a connection to one of the stores the log remembers", async () => {
  const { engine, state } = await written("postgres");
  const context = { ...engine.context, redis: null };
  for (const authority of ["postgres", "redis"] as const)
    expect(await mirrorRecords(context, items, { term: 1, authority }, [{ id: "a", state }], operation())).toBe("told");
  expect(engine.calls).toEqual([]);
  expect(engine.told).toEqual({});
});

test("a mirror that knows a later term supersedes what was decided", async () => {
  const { engine, tell, logged } = await written();
  await engine.postgres.store.raiseFence(2);
  expect(await tell()).toBe("superseded");
  expect(await logged()).toEqual(["a"]);
  expect(engine.told).toEqual({});
});

test("a mirror that refuses under a fence of the same term doesn't supersede anything: the log remembers", async () => {
  const { engine, tell, logged } = await written();
  const fence = { term: 1, role: "mirror", complete: true } as const;
  engine.postgres.store.applyRecords = async () => ({ fenced: true, fence });
  expect(await tell()).toBe("told");
  expect(await logged()).toEqual(["a"]);
  expect(engine.told.mirrorFailure).toHaveLength(1);
});

test("what was overwritten is told with the stamp of the store that has it", async () => {
  const { engine } = await written();
  const overwrote = { kind: "applied", overwrote: true } as const;
  reportOverwritten(engine.context, items, "redis", "a", 7, overwrote);
  reportOverwritten(engine.context, items, "postgres", "a", 7, overwrote);
  reportOverwritten(engine.context, items, "redis", "a", 7, { kind: "applied" });
  reportOverwritten(engine.context, items, "redis", "a", 7, { ...overwrote, kind: "kept" } as never);
  expect(engine.told.divergence).toMatchObject([
    { redisStamp: null, postgresStamp: 7 },
    { redisStamp: 7, postgresStamp: null },
  ]);
});

test("a mirror without a fence is being set up: the log remembers", async () => {
  const { engine, tell, logged } = await written();
  engine.servers.postgres.control.fence = null;
  expect(await tell()).toBe("told");
  expect(await logged()).toEqual(["a"]);
  expect(engine.told.mirrorFailure).toMatchObject([{ reason: "the mirror is being set up" }]);
});

test("what the mirror refuses is reported and stays in the log, beside what it confirms", async () => {
  const { engine, state, tell, logged } = await written();
  await engine.redis.store.writeRecords(items, 1, [write("b", { bytes: RED })]);
  const bad = recordState({ stamp: 1000, bytes: Buffer.from("[1") });
  expect(
    await tell([
      { id: "bad", state: bad },
      { id: "a", state },
    ]),
  ).toBe("told");
  expect(await logged()).toEqual(["b"]);
  expect(engine.told.mirrorFailure).toMatchObject([{ count: 2, mirror: "postgres" }]);
  engine.calls.length = 0;
  await tell([{ id: "bad", state: bad }]);
  await engine.context.clearer.settled();
  expect(engine.calls).toEqual(["postgres.applyRecords"]);
});

test("a bypass writer's change that was overwritten is told as a divergence", async () => {
  const { engine, state, tell } = await written("postgres");
  await tell();
  expect(engine.told.divergence).toBeUndefined();
  engine.servers.redis.bypassSet(items.redisKey("a"), item("blue"));
  await tell([{ id: "a", state: { ...state, stamp: state.stamp + 2 } }]);
  expect(engine.told.divergence).toMatchObject([
    { kind: "bypass-overwritten", collection: items.name, redisStamp: null, postgresStamp: state.stamp + 2 },
  ]);
});

test("counters are told by their parts, and their entries go", async () => {
  const engine = await new EngineFixture().reign("redis");
  const answer = await engine.redis.store.addToCounters(counts, 1, [
    { id: "a", by: 3, operationId: "one", ttlMs: null, renew: false },
  ]);
  const { state } = (answer as unknown as { results: { state: ReturnType<typeof counterState> }[] })
    .results[0] as never;
  const messages = [{ id: "a", state }];
  expect(await mirrorCounters(engine.context, counts, { term: 1, authority: "redis" }, messages, operation())).toBe(
    "told",
  );
  await engine.context.clearer.settled();
  expect(await engine.redis.store.readLog(counts, 10)).toEqual([]);
  expect((await engine.postgres.store.readCounters(counts, ["a"])).held[0]).toMatchObject({ redisPart: 3 });
});
