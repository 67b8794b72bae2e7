/** Entries that the mirror confirmed go from the repair log together, but soon, and never in two calls at once. */
import { describe, expect, test } from "vitest";
import { LogClearer } from "../../src/engine/log-clearer.js";
import { items } from "../contract/contract-collections.js";
import { EngineFixture, fail, onVirtualTime } from "./engine-fixture.js";

onVirtualTime();

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A Redis whose log has so many entries, and a clearer that can be told to clear the next few of them. */
async function logged(count: number) {
  const engine = await new EngineFixture().reign("redis");
  const { control } = engine.servers.redis;
  const entries = Array.from({ length: count }, (_, n) => ({ id: `a${n}`, stamp: 1000 }));
  for (const { id, stamp } of entries) control.log(items.name, id, stamp, count);
  const clearer = new LogClearer();
  const confirm = (many: number) => clearer.add(engine.redis, items, entries.splice(0, many));
  /** Calls so far, and entries that are still in the log. */
  const now = () => ({ calls: engine.called("redis.clearLog"), left: control.entries(items.name).length });
  return { engine, clearer, confirm, now };
}

describe("what is confirmed", () => {
  test.each([
    [1, "waits for more", { calls: 0, left: 500 }],
    [499, "waits for more", { calls: 0, left: 500 }],
    [500, "is enough", { calls: 1, left: 0 }],
  ])("%i at once %s, and nothing waits for long", async (many, _what, soon) => {
    const { confirm, now } = await logged(500);
    confirm(many);
    await wait(10);
    expect(now()).toEqual(soon);
    await wait(15);
    expect(now()).toEqual({ calls: 1, left: 500 - many });
  });

  test("little by little goes in one call, as soon as it is much", async () => {
    const { confirm, now } = await logged(700);
    confirm(100);
    await wait(15);
    confirm(100);
    await wait(10);
    expect(now()).toEqual({ calls: 1, left: 500 });
    confirm(499);
    confirm(1);
    await wait(1);
    expect(now()).toEqual({ calls: 2, left: 0 });
  });

  test.each([
    [1, "after its pause", 1],
    [499, "after its pause", 1],
    [500, "at once", 2],
  ])("while a call is under way goes with the next: %i of them %s", async (many, _when, soon) => {
    const { engine, confirm, now } = await logged(500 + many);
    engine.before("redis.clearLog", () => wait(10));
    confirm(500);
    confirm(many);
    await wait(5);
    expect(now().calls).toBe(1);
    await wait(10);
    expect(now().calls).toBe(soon);
    await wait(20);
    expect(now()).toEqual({ calls: 2, left: 0 });
  });

  test("while a call is under way that takes longer than the pause is not left behind", async () => {
    const { engine, confirm, now } = await logged(2);
    engine.before("redis.clearLog", () => wait(50));
    confirm(1);
    await wait(30);
    confirm(1);
    await wait(100);
    expect(now()).toEqual({ calls: 2, left: 0 });
  });
});

test.each([
  ["in their order", [1000, 2000]],
  ["in the opposite order", [2000, 1000]],
])("of confirmations that come %s the greatest clears the entry", async (_order, stamps) => {
  const { engine, clearer, now } = await logged(1);
  engine.servers.redis.control.log(items.name, "a0", 2000, 1);
  for (const stamp of stamps) clearer.add(engine.redis, items, [{ id: "a0", stamp }]);
  await clearer.settled();
  expect(now()).toEqual({ calls: 1, left: 0 });
});

test("one that waits until all is settled waits for what came meanwhile, and for no pause", async () => {
  const { engine, clearer, confirm, now } = await logged(3);
  const began = performance.now();
  engine.before("redis.clearLog", () => confirm(1));
  engine.before("redis.clearLog", fail(new Error("away")));
  confirm(1);
  await clearer.settled();
  // The second call failed: its entry is left to the drainer.
  expect(now()).toEqual({ calls: 2, left: 2 });
  expect(performance.now()).toBe(began);
  await clearer.settled();
});
