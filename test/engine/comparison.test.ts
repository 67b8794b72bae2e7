/** The sample of reads that is compared with the mirror: only what stood still, and no repair log explains, is told. */
import { describe, expect, test } from "vitest";
import { Comparison } from "../../src/engine/comparison.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { EngineFixture, onVirtualTime, write } from "./engine-fixture.js";

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

async function compare(engine: EngineFixture): Promise<Comparison> {
  const comparison = new Comparison(engine.context);
  const outcome = { kind: "hit", value: RED, store: "redis", fallback: false, stamp: 1, expiresAt: null } as const;
  comparison.sample(items, ["a"], [outcome]);
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

  test("isn't told of an incomplete store, nor by a fallback's answer", async () => {
    const engine = await diverged();
    const { control } = engine.servers.postgres;
    if (control.fence) control.fence = { ...control.fence, complete: false };
    expect((await compare(engine)).counts.differed).toBe(0);
    const comparison = new Comparison(engine.context);
    comparison.sample(items, ["a"], [{ kind: "hit", value: RED, store: "redis", fallback: true, stamp: 1 }]);
    await comparison.settled();
    expect(comparison.counts.compared).toBe(0);
  });
});
