/** Working off whole logs: one collection until its log is empty, and both directions of all. */
import { describe, expect, test } from "vitest";
import { type DrainOptions, drainAll, drainBoth, type Refusal } from "../../src/engine/drain.js";
import { Refusals } from "../../src/engine/refusals.js";
import { FencedError } from "../../src/errors.js";
import { counts, items } from "../contract/contract-collections.js";
import { counterState } from "../contract/contract-harness.js";
import { BLUE, log, options, unheard } from "./drain-fixture.js";
import { add, away, EngineFixture, fail, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

describe("draining all of a collection", () => {
  const all = (engine: EngineFixture, more?: Partial<DrainOptions>, signal?: AbortSignal) =>
    drainAll(engine.context, items, engine.redis, engine.postgres, options(more), signal);

  test("goes on until the log is empty", async () => {
    const engine = await unheard("a", "b", "c");
    expect(await all(engine, { limit: 1 })).toBe(true);
    expect(await log(engine)).toEqual([]);
  });
  test("ends where nothing moves", async () => {
    const engine = await unheard("a");
    await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: Buffer.from("[1") })]);
    expect(await all(engine, { refuse: async () => false })).toBe(false);
    expect(await log(engine)).toEqual(["bad"]);
  });
  test("ends where the term moved", async () => {
    const engine = await unheard("a");
    await engine.postgres.store.raiseFence(2);
    expect(await all(engine)).toBe(false);
  });
  test("ends with its signal", async () => {
    const engine = await unheard("a");
    await expect(all(engine, {}, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    expect(await log(engine)).toEqual(["a"]);
  });
  test("fails with a store that is away", async () => {
    const engine = await unheard("a");
    engine.whenever("postgres.applyRecords", fail(away()));
    await expect(all(engine)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(await log(engine)).toEqual(["a"]);
  });
});

describe("draining both logs", () => {
  const both = (engine: EngineFixture, refuse = async () => true, signal?: AbortSignal) =>
    drainBoth(engine.context, [items, counts], { refuse: () => refuse, refusals: new Refusals() }, signal);

  test("tells the mirror, and tells the authority what a lost reign left in the mirror's log", async () => {
    const engine = await unheard("a");
    await engine.redis.store.addToCounters(counts, 1, [add("a", 3)]);
    engine.move("postgres", 1);
    await engine.postgres.store.writeRecords(items, 1, [write("left", { bytes: BLUE })]);
    engine.move("redis", 1);
    await engine.redis.store.setComplete(items, false);
    expect(await both(engine)).toEqual({ empty: false, full: false, done: 3 });
    expect(await both(engine)).toEqual({ empty: true, full: false, done: 0 });
    expect([await log(engine), await log(engine, "postgres"), await log(engine, "redis", counts)]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test("says where a log had a whole batch, so that more may wait", async () => {
    const engine = await unheard("a", "b", "c");
    const batch = () => drainBoth(engine.context, [items, counts], { refuse: () => async () => true, limit: 2 });
    expect(await batch()).toEqual({ empty: false, full: true, done: 2 });
    expect(await batch()).toEqual({ empty: false, full: false, done: 1 });
  });

  test("adopts only in the authority's direction", async () => {
    const engine = await unheard("a");
    engine.move("postgres", 1);
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    const refused: string[] = [];
    await drainBoth(engine.context, [items], {
      refuse: (from) => async () => {
        refused.push(from);
        return true;
      },
    });
    expect(await log(engine)).toEqual([]);
    expect((await engine.redis.store.inspectRecords(items, ["a"])).held[0]).toMatchObject({ bypass: true });
    expect(refused).toEqual([]);
  });

  test("knows by whom something is refused, over rounds that share the count of tries", async () => {
    const engine = await unheard();
    await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: Buffer.from("[1") })]);
    const refused: string[] = [];
    const options = {
      refusals: new Refusals(),
      refuse:
        (from: string) =>
        async ({ id }: Refusal) => {
          refused.push(`${from} ${id}`);
          return false;
        },
    };
    for (let round = 0; round < 3; round++)
      expect(await drainBoth(engine.context, [items], options)).toEqual({ empty: false, full: false, done: 0 });
    expect(refused).toEqual(["redis bad"]);
  });

  test("counts the tries of each log by itself", async () => {
    const engine = await unheard();
    await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: Buffer.from("[1") })]);
    await engine.redis.store.addToCounters(counts, 1, [add("bad")]);
    engine.servers.redis.bypassSet(counts.redisKey("bad"), Buffer.from("many"));
    const told: string[] = [];
    const options = {
      refusals: new Refusals(),
      refuse: () => async (refusal: Refusal) => told.push(refusal.collection.name) > 0,
    };
    for (let round = 0; round < 3; round++) await drainBoth(engine.context, [items, counts], options);
    expect(told).toEqual([items.name, counts.name]);
    expect(engine.context.term.reign).toEqual({ term: 1, authority: "redis" });
  });

  test("keeps the mirror's entry of a state that the authority didn't take", async () => {
    const engine = await unheard();
    engine.move("postgres", 1);
    await engine.postgres.store.writeRecords(items, 1, [write("left", { bytes: BLUE })]);
    engine.move("redis", 1);
    expect(await both(engine)).toEqual({ empty: true, full: false, done: 0 });
    expect(await log(engine, "postgres")).toEqual(["left"]);
    await engine.redis.store.setComplete(items, false);
    expect(await both(engine)).toEqual({ empty: false, full: false, done: 1 });
    expect(await log(engine, "postgres")).toEqual([]);
  });

  test("isn't kept up by what stays in the mirror's log for good", async () => {
    const engine = await new EngineFixture().reign("postgres");
    engine.servers.redis.control.log(items.name, "odd", 5, 100);
    engine.servers.redis.bypassAddMember(items.redisKey("odd"), "member");
    expect(await both(engine, async () => false)).toEqual({ empty: true, full: false, done: 0 });
  });

  test("goes on with the other collections where one can't be drained, and fails once nothing else moves", async () => {
    const engine = await unheard("a");
    await engine.redis.store.addToCounters(counts, 1, [add("a", 3)]);
    const broken = new Error('column "label" does not exist');
    engine.whenever("postgres.applyRecords", fail(broken));
    expect(await both(engine)).toEqual({ empty: false, full: false, done: 1 });
    expect(engine.told.mirrorFailure).toEqual([
      { collection: items.name, mirror: "postgres", count: 1, reason: broken.message },
    ]);
    expect(await log(engine, "redis", counts)).toEqual([]);
    await expect(both(engine)).rejects.toBe(broken);
  });

  test("fails at once with a store that is away", async () => {
    const engine = await unheard("a");
    await engine.redis.store.addToCounters(counts, 1, [add("a", 3)]);
    await engine.context.term.refresh();
    engine.whenever("postgres.applyRecords", fail(away()));
    await expect(both(engine)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(await log(engine, "redis", counts)).toEqual(["a"]);
  });

  test("is begun again under another term where a fence refuses", async () => {
    const engine = await unheard("a");
    await engine.context.term.refresh();
    engine.move("redis", 2);
    expect(await both(engine)).toMatchObject({ empty: false });
    expect(engine.context.term.reign).toBeNull();
    expect(await both(engine)).toMatchObject({ done: 1 });
  });

  test("has nothing to do without Redis, and can't be done while nobody reigns", async () => {
    const engine = await unheard("a");
    expect(await drainBoth({ ...engine.context, redis: null }, [items], { refuse: () => async () => true })).toEqual({
      empty: true,
      full: false,
      done: 0,
    });
    await engine.redis.store.closeFence(1);
    await expect(both(engine)).rejects.toThrow(FencedError);
  });

  test("ends with its signal", async () => {
    const engine = await unheard("a");
    await expect(both(engine, undefined, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
  });

  test("leaves what is younger than asked", async () => {
    const engine = await unheard("a");
    await engine.postgres.store.applyCounters(counts, 1, [{ id: "a", state: counterState({}) }]);
    expect(await drainBoth(engine.context, [items], { minAgeMs: 60_000, refuse: () => async () => true })).toEqual({
      empty: true,
      full: false,
      done: 0,
    });
  });
});
