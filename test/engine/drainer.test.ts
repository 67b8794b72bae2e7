/** A drain that was asked for, and what else works in the background: it ends when there is nothing left, and not before. */
import { describe, expect, test } from "vitest";
import { Drainer } from "../../src/engine/drainer.js";
import { InFlight } from "../../src/engine/in-flight.js";
import { LogClearer } from "../../src/engine/log-clearer.js";
import { OverloadedError } from "../../src/errors.js";
import { item, items } from "../contract/contract-collections.js";
import { EngineFixture, never, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

const stampOf = async (engine: EngineFixture) =>
  ((await engine.redis.store.readRecords(items, ["a"])).held[0] as { stamp: number }).stamp;

describe("a drain that was asked for", () => {
  const drainerOf = (engine: EngineFixture) =>
    new Drainer(engine.context as never, {
      processId: "p1",
      collections: [items],
      redis: () => engine.redis,
      refuse: () => async () => true,
    });

  test("goes on where a round moved nothing, until the logs are empty", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("red") })]);
    // The mirror knows a later term for a moment: what is sent is refused, and nothing is done.
    engine.before("postgres.applyRecords", () => engine.move("redis", 2));
    await drainerOf(engine).drain();
    expect(await engine.redis.store.readLog(items, 10)).toEqual([]);
    expect((await engine.postgres.store.readRecords(items, ["a"])).held[0]).toMatchObject({ kind: "value" });
  });

  test("waits for a store that is away, and gives up when it stays away", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("red") })]);
    const end = engine.outage("postgres");
    setTimeout(end, 3000);
    await drainerOf(engine).drain();
    expect(await engine.redis.store.readLog(items, 10)).toEqual([]);
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("blue") })]);
    engine.outage("postgres");
    await expect(drainerOf(engine).drain()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

test("of confirmations that come in any order the greatest clears the entry", async () => {
  const engine = await new EngineFixture().reign("redis");
  await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("red") })]);
  const first = await stampOf(engine);
  await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("blue") })]);
  const clearer = new LogClearer();
  clearer.add(engine.redis, items, [{ id: "a", stamp: await stampOf(engine) }]);
  clearer.add(engine.redis, items, [{ id: "a", stamp: first }]);
  await clearer.settled();
  expect(await engine.redis.store.readLog(items, 10)).toEqual([]);
});

test("no more operations are under way than the limit", async () => {
  const inFlight = new InFlight(2);
  for (let n = 0; n < 2; n++) void inFlight.run(undefined, 100, never);
  expect(inFlight.size).toBe(2);
  await expect(inFlight.run({ operationId: "third" }, 100, never)).rejects.toBeInstanceOf(OverloadedError);
  expect(inFlight.size).toBe(2);
});
