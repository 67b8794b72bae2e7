/** Working off a repair log of counters. */
import { describe, expect, test } from "vitest";
import type { Refusal } from "../../src/engine/drain.js";
import { Refusals } from "../../src/engine/refusals.js";
import { counts } from "../contract/contract-collections.js";
import { log, toPostgres } from "./drain-fixture.js";
import { add, EngineFixture, onVirtualTime } from "./engine-fixture.js";

onVirtualTime();

describe("a batch of counters", () => {
  async function counted() {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.addToCounters(counts, 1, [add("a", 3)]);
    return engine;
  }
  const sum = async (engine: EngineFixture) => {
    const held = (await engine.postgres.store.readCounters(counts, ["a"])).held[0];
    return held?.kind === "value" ? held.redisPart + held.postgresPart : held?.kind;
  };

  test("sends the parts, with what bypass writers counted where the authority drains", async () => {
    const engine = await counted();
    engine.servers.redis.bypassIncr(counts.redisKey("a"), 4);
    expect(await toPostgres(engine, {}, counts)).toMatchObject({ done: 1, seen: 1 });
    expect(await sum(engine)).toBe(7);
    expect(await log(engine, "redis", counts)).toEqual([]);
  });

  test("sends a counter that is gone as what is known of its past", async () => {
    const engine = await counted();
    engine.servers.redis.bypassDel(counts.redisKey("a"));
    await engine.redis.store.closeFence(1);
    expect(await toPostgres(engine, { adopt: false }, counts)).toMatchObject({ done: 1 });
    expect(await log(engine, "redis", counts)).toEqual([]);
    expect(await sum(engine)).toBe(3);
  });

  test("drops entries of counters of which nothing is known", async () => {
    const engine = await counted();
    engine.servers.redis.memory.keys.clear();
    engine.servers.redis.memory.counters.clear();
    expect(await toPostgres(engine, { adopt: false }, counts)).toMatchObject({ done: 1, seen: 1 });
    expect(engine.called("postgres.applyCounters")).toBe(0);
  });

  test("sets aside what is no counter", async () => {
    const engine = await counted();
    engine.servers.redis.bypassSet(counts.redisKey("a"), Buffer.from("many"));
    const told: Refusal[] = [];
    const refusals = new Refusals();
    for (let round = 0; round < 3; round++)
      await toPostgres(engine, { refusals, refuse: async (one) => told.push(one) > 0 }, counts);
    expect(told).toMatchObject([{ collection: counts, id: "a" }]);
    expect(await log(engine, "redis", counts)).toEqual([]);
  });

  test("waits while it isn't compared since a memory loss", async () => {
    const engine = await counted();
    const { control } = engine.servers.redis;
    if (control.fence) control.fence = { ...control.fence, term: 2, complete: false };
    expect(await toPostgres(engine, { term: 2 }, counts)).toEqual({ done: 0, seen: 1, again: 0, fenced: false });
    expect(await toPostgres(engine, { term: 2, adopt: false }, counts)).toMatchObject({ done: 1 });
  });

  test("is refused by a mirror of a later term", async () => {
    const engine = await counted();
    await engine.postgres.store.raiseFence(2);
    expect(await toPostgres(engine, {}, counts)).toEqual({ done: 0, seen: 1, again: 0, fenced: true });
  });
});
