/** Which reads are compared with the mirror: the share that is asked for, of what the authority answered, and never too many at once. */
import { describe, expect, test } from "vitest";
import { Comparison } from "../../src/engine/comparison.js";
import type { ReadOutcome } from "../../src/engine/outcome.js";
import type { StoreName } from "../../src/stores/state.js";
import { item, items } from "../contract/contract-collections.js";
import { away, EngineFixture, fail, onVirtualTime } from "./engine-fixture.js";

onVirtualTime();

const idsOf = (count: number) => Array.from({ length: count }, (_, n) => `a${n}`);
const hit = (store: StoreName, fallback = false): ReadOutcome<Buffer> => ({
  kind: "hit",
  value: item("red"),
  store,
  fallback,
});

/** Redis reigns, and this share of its reads is compared. */
async function comparing(share: number) {
  const engine = await new EngineFixture().reign("redis");
  engine.policy.compare = share;
  const comparison = new Comparison(engine.context);
  const sample = (ids: readonly string[], outcomes = [hit("redis")]) => comparison.sample(items, ids, outcomes);
  return { engine, comparison, sample };
}

/** Lets everything that costs no time happen. */
const instant = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Every look waits until it is let go. */
function holdUp(engine: EngineFixture): { release: () => void } {
  const held: (() => void)[] = [];
  engine.whenever("redis.readLog", () => new Promise<void>((resolve) => held.push(resolve)));
  return { release: () => held.shift()?.() };
}

describe("the share of reads that is compared", () => {
  test.each([
    { share: 0, isOn: false, least: 0, most: 0 },
    { share: 0.25, isOn: true, least: 40, most: 230 },
    { share: 1, isOn: true, least: 500, most: 500 },
  ])("$share of 500 is between $least and $most", async ({ share, isOn, least, most }) => {
    const { comparison, sample } = await comparing(share);
    expect(comparison.isOn).toBe(isOn);
    sample(idsOf(500));
    await comparison.settled();
    expect(comparison.counts.compared).toBeGreaterThanOrEqual(least);
    expect(comparison.counts.compared).toBeLessThanOrEqual(most);
  });

  const error: ReadOutcome<Buffer> = { kind: "error", error: away(), store: "redis", fallback: false };
  const miss: ReadOutcome<Buffer> = { kind: "miss", store: "redis", fallback: false };
  test.each([
    ["an error", [error], 0],
    ["a fallback", [hit("postgres", true)], 0],
    ["neither, beside a miss", [error, miss], 1],
  ])("leaves out what the authority didn't answer: %s", async (_what, outcomes, compared) => {
    const { comparison, sample } = await comparing(1);
    sample(["a"], outcomes);
    await comparison.settled();
    expect(comparison.counts.compared).toBe(compared);
  });
});

describe("of many reads at once", () => {
  test("500 records are compared, and what is read often counts as often", async () => {
    const { engine, comparison, sample } = await comparing(1);
    sample(idsOf(600));
    sample(["a0", "a0"]);
    await comparison.settled();
    expect(comparison.counts.compared).toBe(502);
    expect(engine.called("postgres.inspectRecords")).toBe(2);
  });

  test("four comparisons are in flight, and the others go together with the next", async () => {
    const { engine, comparison, sample } = await comparing(1);
    const { release } = holdUp(engine);
    for (const id of idsOf(10)) sample([id]);
    await instant();
    expect(engine.called("redis.readLog")).toBe(4);
    let settled = false;
    const end = comparison.settled().then(() => {
      settled = true;
    });
    for (const { calls, compared } of [
      { calls: 5, compared: 1 },
      { calls: 5, compared: 2 },
      { calls: 5, compared: 3 },
      { calls: 5, compared: 4 },
    ]) {
      release();
      await instant();
      expect(engine.called("redis.readLog")).toBe(calls);
      expect(comparison.counts.compared).toBe(compared);
      expect(settled).toBe(false);
    }
    release();
    await end;
    expect(comparison.counts.compared).toBe(10);
  });

  test("those of another reign don't join what waits", async () => {
    const { engine, comparison, sample } = await comparing(1);
    const { release } = holdUp(engine);
    for (const id of idsOf(5)) sample([id]);
    sample(["b"], [hit("postgres")]);
    for (let n = 0; n < 5; n++) {
      await instant();
      release();
    }
    await comparison.settled();
    expect(comparison.counts.compared).toBe(5);
  });

  test("one that fails leaves its place to the next", async () => {
    const { engine, comparison, sample } = await comparing(1);
    for (let n = 0; n < 4; n++) engine.before("redis.readLog", fail(away()));
    for (const id of idsOf(5)) sample([id]);
    await comparison.settled();
    expect(comparison.counts.compared).toBe(1);
  });
});
