/** The sample of reads that is compared with the mirror: only what stood still, and no repair log explains, is told. */
import { describe, expect, test } from "vitest";
import { Comparison } from "../../src/engine/comparison.js";
import type { Collection } from "../../src/stores/collection.js";
import type { CounterState, RecordState, StoreName } from "../../src/stores/state.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import type { StoredFence } from "../memory/control.js";
import { add, EngineFixture, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

const [RED, BLUE] = [item("red"), item("blue")];

/** Redis reigns with a red record, of which the mirror has another colour. */
async function diverged(): Promise<EngineFixture> {
  const engine = await new EngineFixture().reign("redis");
  engine.policy.compare = 1;
  await engine.redis.store.applyRecords(items, 1, []);
  await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
  const { held } = await engine.redis.store.readRecords(items, ["a"]);
  const stamp = (held[0] as { stamp: number }).stamp;
  await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp, bytes: BLUE }) }]);
  await engine.redis.store.clearLog(items, [{ id: "a", stamp }]);
  return engine;
}

async function compare(
  engine: EngineFixture,
  collection: Collection = items,
  store: StoreName = "redis",
): Promise<Comparison> {
  const comparison = new Comparison(engine.context);
  const outcome = { kind: "hit", value: RED, store, fallback: false, stamp: 1, expiresAt: null } as const;
  comparison.sample(collection, ["a"], [outcome]);
  await comparison.settled();
  return comparison;
}

describe("a difference", () => {
  test("that stands is told", async () => {
    const engine = await diverged();
    expect((await compare(engine)).counts).toEqual({ compared: 1, differed: 1 });
    expect(engine.told.divergence).toMatchObject([{ kind: "value", collection: items.name }]);
  });

  test.each(["redis", "postgres"] as const)("that moved in %s between the two looks isn't", async (store) => {
    const engine = await diverged();
    engine.after("postgres.inspectRecords", () => {
      setTimeout(async () => {
        const state = recordState({ stamp: 9e15, bytes: item("green") });
        if (store === "postgres") return engine.postgres.store.applyRecords(items, 1, [{ id: "a", state }]);
        const { results } = (await engine.redis.store.writeRecords(items, 1, [
          write("a", { bytes: item("green") }),
        ])) as {
          results: { state: { stamp: number } }[];
        };
        return engine.redis.store.clearLog(items, [{ id: "a", stamp: results[0]?.state.stamp ?? 0 }]);
      }, 50);
    });
    expect((await compare(engine)).counts).toEqual({ compared: 1, differed: 0 });
    expect(engine.told.divergence).toBeUndefined();
  });

  test("that the repair log explains by the second look isn't", async () => {
    const engine = await diverged();
    // As a write whose entry came after the first look at the log and before that at the records.
    engine.after("redis.readLog", () => engine.servers.redis.control.log(items.name, "a", 1, 100));
    expect((await compare(engine)).counts.differed).toBe(0);
  });

  test("isn't told where the log is too long to be looked through", async () => {
    const engine = await diverged();
    const { control } = engine.servers.redis;
    for (let n = 0; n < 10_000; n++) control.log(items.name, `other${n}`, 1, 20_000);
    expect((await compare(engine)).counts).toEqual({ compared: 1, differed: 0 });
  });

  const incomplete = (fence: StoredFence) => ({ ...fence, complete: false });
  test.each([
    ["redis is incomplete", "redis", 1, incomplete],
    ["postgres is incomplete", "postgres", 1, incomplete],
    ["postgres has no fence", "postgres", 1, () => null],
    ["redis is incomplete by the second look", "redis", 2, incomplete],
    ["postgres is incomplete by the second look", "postgres", 2, incomplete],
  ] as const)("isn't told where %s: it may be known to lack that", async (_what, store, look, change) => {
    const engine = await diverged();
    const { control } = engine.servers[store];
    for (let n = 1; n < look; n++) engine.before("redis.readLog", () => {});
    engine.before("redis.readLog", () => {
      control.fence = change(control.fence as StoredFence);
    });
    expect((await compare(engine)).counts).toEqual({ compared: 1, differed: 0 });
    expect(engine.called("redis.readLog")).toBe(look);
  });
});

describe("an end that has come by one server's clock only", () => {
  /** Postgres reigns; Redis's clock is so far ahead, and has mirrored what ends in between. */
  async function ending(aheadMs: number, inMs: number): Promise<EngineFixture> {
    const engine = await new EngineFixture().reign("postgres");
    engine.policy.compare = 1;
    engine.servers.redis.clockOffsetMs = aheadMs;
    const expiresAt = Date.now() + inMs;
    const { results } = (await engine.postgres.store.writeRecords(items, 1, [
      write("a", { bytes: RED, expiresAt }),
    ])) as { results: { state: RecordState }[] };
    const { state } = results[0] as { state: RecordState };
    await engine.redis.store.applyRecords(items, 1, [{ id: "a", state }]);
    await engine.postgres.store.clearLog(items, [{ id: "a", stamp: state.stamp }]);
    return engine;
  }

  test("is no difference: both hold the same state", async () => {
    const engine = await ending(5000, 3000);
    expect((await engine.redis.store.inspectRecords(items, ["a"])).held[0]?.kind).toBe("expired");
    expect((await compare(engine, items, "postgres")).counts).toEqual({ compared: 1, differed: 0 });
    expect(engine.told.divergence).toBeUndefined();
  });

  test("doesn't excuse what the mirror lacks long before it ends", async () => {
    const engine = await ending(5000, 60_000);
    engine.servers.redis.bypassDel(items.redisKey("a"));
    expect((await compare(engine, items, "postgres")).counts).toEqual({ compared: 1, differed: 1 });
    expect(engine.told.divergence).toMatchObject([{ kind: "missing" }]);
  });
});

test("one look is enough where both hold the same", async () => {
  const engine = await diverged();
  const { stamp } = engine.servers.redis.recordCompanion(items.redisKey("a")) as { stamp: number };
  await engine.postgres.store.applyRecords(items, 1, [
    { id: "a", state: recordState({ stamp: stamp + 2, bytes: RED }) },
  ]);
  engine.calls.length = 0;
  expect((await compare(engine)).counts).toEqual({ compared: 1, differed: 0 });
  expect(engine.called("postgres.inspectRecords")).toBe(1);
});

test.each([
  { redisPart: 3, told: undefined },
  { redisPart: 2, told: [{ kind: "value", collection: counts.name }] },
  { redisPart: 0, told: [{ kind: "missing", collection: counts.name }] },
])("a counter of 3 is compared by its sum: $redisPart", async ({ redisPart, told }) => {
  const engine = await new EngineFixture().reign("redis");
  engine.policy.compare = 1;
  const { results } = (await engine.redis.store.addToCounters(counts, 1, [add("a", 3)])) as {
    results: { state: CounterState }[];
  };
  const { state } = results[0] as { state: CounterState };
  await engine.postgres.store.applyCounters(counts, 1, [{ id: "a", state: { ...state, redisPart } }]);
  await engine.redis.store.clearLog(counts, [{ id: "a", stamp: state.stamp }]);
  expect((await compare(engine, counts)).counts).toEqual({ compared: 1, differed: told ? 1 : 0 });
  if (told) expect(engine.told.divergence).toMatchObject(told);
});
