/** A drain that was asked for, and what else works in the background: it ends when there is nothing left, and not before. */
import { describe, expect, test } from "vitest";
import { Drainer } from "../../src/engine/drainer.js";
import { item, items } from "../contract/contract-collections.js";
import { EngineFixture, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

const drainerOf = (engine: EngineFixture) =>
  new Drainer(engine.context as never, {
    processId: "p1",
    collections: [items],
    redis: () => engine.redis,
    refuse: () => async () => true,
  });

describe("a drain that was asked for", () => {
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

describe("a drain in the background", () => {
  test("and one that was asked for don't send the same states", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("red") })]);
    const drainer = drainerOf(engine);
    await new Promise<void>((drained, failed) => {
      engine.before("postgres.applyRecords", async () => {
        drainer.drain().then(drained, failed);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      });
      drainer.start();
    });
    await drainer.stop();
    expect(engine.called("postgres.applyRecords")).toBe(1);
    expect(await engine.redis.store.readLog(items, 10)).toEqual([]);
  });

  test("gathers what comes meanwhile", async () => {
    const engine = await new EngineFixture().reign("redis");
    const drainer = drainerOf(engine);
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    // As long as it takes, more becomes old enough to be sent.
    engine.whenever("postgres.applyRecords", () => wait(15));
    drainer.start();
    for (let n = 0; n < 400; n++) {
      await engine.redis.store.writeRecords(items, 1, [write(`a${n}`, { bytes: item("red") })]);
      await wait(5);
    }
    await drainer.stop();
    const sent = engine.called("postgres.applyRecords");
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThan(25);
    expect(await engine.redis.store.readLog(items, 400)).not.toHaveLength(400);
  });
});
