/** How the drainer spends its time: what it waits for, what it doesn't, and which process of the fleet works. */
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { Drainer, type DrainerOptions } from "../../src/engine/drainer.js";
import { EventHub } from "../../src/engine/events.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { add, away, EngineFixture, fail, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const log = (engine: EngineFixture) => engine.redis.store.readLog(items, 10);
const put = (engine: EngineFixture, ...ids: string[]) =>
  engine.redis.store.writeRecords(
    items,
    1,
    ids.map((id) => write(id, { bytes: item("red") })),
  );

/** So many counters are counted, long enough ago. */
async function count(engine: EngineFixture, many: number): Promise<void> {
  const adds = Array.from({ length: many }, (_, n) => add(`a${n}`));
  await engine.redis.store.addToCounters(counts, 1, adds);
  await wait(500);
}

function drainerOf(engine: EngineFixture, options: Partial<DrainerOptions> = {}, context = engine.context): Drainer {
  return new Drainer(context, {
    processId: "p1",
    collections: [items],
    redis: () => engine.redis,
    refuse: () => async () => true,
    ...options,
  });
}

describe("a drain that was asked for", () => {
  test("fails at once where waiting can't help", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    engine.whenever("postgres.applyRecords", fail(new Error("no such column")));
    const began = performance.now();
    await expect(drainerOf(engine).drain()).rejects.toThrow("no such column");
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test("is as patient after each step that moved something as in the beginning", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    await wait(8000);
    const awayFor8s = () => void setTimeout(engine.outage("postgres"), 8000);
    awayFor8s();
    engine.after("postgres.readLog", awayFor8s);
    await drainerOf(engine).drain();
    expect(await log(engine)).toEqual([]);
  });

  test("counts what moved in a round that failed then, too", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.addToCounters(counts, 1, [add("a")]);
    // For longer than its patience each round tells of a record, and finds Postgres away for a counter.
    let rounds = 0;
    engine.whenever("postgres.applyCounters", async () => {
      if (performance.now() > 15_000) return;
      await put(engine, `a${++rounds}`);
      throw away();
    });
    await drainerOf(engine, { collections: [items, counts] }).drain();
    expect(rounds).toBeGreaterThan(100);
    expect(await engine.redis.store.readLog(counts, 10)).toEqual([]);
  });

  test("gives up where what moved in failing rounds was long ago", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    await engine.redis.store.addToCounters(counts, 1, [add("a")]);
    engine.whenever("postgres.applyCounters", fail(away()));
    const began = performance.now();
    const drainer = drainerOf(engine, { collections: [items, counts] });
    await expect(drainer.drain()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(performance.now() - began).toBeLessThan(11_000);
    expect(await log(engine)).toEqual([]);
  });

  test.each([
    ["while it waits", (engine: EngineFixture) => void engine.outage("postgres")],
    [
      // One that moves nothing, because a later term refuses it, and asks nothing more after it was cancelled.
      "in a round",
      (engine: EngineFixture) => {
        engine.before("postgres.applyRecords", () => engine.move("redis", 2));
        engine.after("postgres.readLog", () => wait(25));
      },
    ],
  ])("that is cancelled %s ends then, and leaves nothing on the signal", async (_when, prepare) => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    prepare(engine);
    const { signal } = cancelledAfter(25);
    const began = performance.now();
    await expect(drainerOf(engine).drain(signal)).rejects.toThrow("no longer wanted");
    expect(performance.now() - began).toBe(25);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("leaves nothing on a signal that it never heard", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    setTimeout(engine.outage("postgres"), 200);
    const { signal } = new AbortController();
    await drainerOf(engine).drain(signal);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a drain in the background", () => {
  test("is one process's work, until that one is gone", async () => {
    const engine = await new EngineFixture().reign("redis");
    const others = new EventHub();
    const [one, other] = [
      drainerOf(engine),
      drainerOf(engine, { processId: "p2" }, { ...engine.context, events: others }),
    ];
    one.start();
    await wait(1);
    other.start();
    for (const [id, by] of [
      ["a", { one: 1, other: 0 }],
      ["b", { one: 2, other: 0 }],
    ] as const) {
      await put(engine, id);
      await wait(400);
      expect({ one: engine.context.events.counts.repair, other: others.counts.repair }).toEqual(by);
    }
    await one.stop();
    await put(engine, "c");
    await wait(3000);
    expect(others.counts.repair).toBe(1);
    expect(await log(engine)).toEqual([]);
    await other.stop();
  });

  test("goes on when a store that was away is back", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a");
    const ends = [engine.outage("redis"), engine.outage("postgres")];
    const drainer = drainerOf(engine);
    drainer.start();
    for (const end of ends) {
      await wait(1000);
      end();
    }
    await wait(1000);
    expect(await log(engine)).toEqual([]);
    await drainer.stop();
  });

  test("ends at once when it is stopped, and then asks nothing more", async () => {
    const engine = await new EngineFixture().reign("redis");
    const drainer = drainerOf(engine);
    drainer.start();
    await wait(10);
    const began = performance.now();
    await drainer.stop();
    expect(performance.now()).toBe(began);
    const asked = engine.calls.length;
    await wait(1000);
    expect(engine.calls).toHaveLength(asked);
  });

  test("asks less where there is nothing to do than where there is a little", async () => {
    const engine = await new EngineFixture().reign("redis");
    const drainer = drainerOf(engine);
    drainer.start();
    await wait(2000);
    const idle = engine.called("redis.claimTask");
    for (let n = 0; n < 400; n++) {
      await put(engine, `a${n}`);
      await wait(5);
    }
    await drainer.stop();
    expect(idle).toBeLessThan(15);
    expect(engine.called("redis.claimTask") - idle).toBeGreaterThan(15);
  });

  test("doesn't pause as long as there are whole batches", async () => {
    const engine = await new EngineFixture().reign("redis");
    await count(engine, 10_001);
    const drainer = drainerOf(engine, { collections: [counts] });
    drainer.start();
    await wait(10);
    expect(await engine.redis.store.readLog(counts, 20_000)).toEqual([]);
    await drainer.stop();
  });

  test("pauses where nothing of a whole batch can be sent", async () => {
    const engine = await new EngineFixture().reign("redis");
    await count(engine, 5000);
    // The mirror lost its fence, which refuses everything.
    engine.servers.postgres.control.fence = null;
    const drainer = drainerOf(engine, { collections: [counts] });
    drainer.start();
    await wait(1000);
    expect(engine.called("redis.claimTask")).toBeLessThan(10);
    await drainer.stop();
  });
});

/** A signal that is cancelled some time from now. Milliseconds. */
function cancelledAfter(ms: number): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("no longer wanted")), ms);
  return controller;
}
