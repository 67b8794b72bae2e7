/** Working off a batch of a repair log: what is sent, what is confirmed, and what waits. */
import { describe, expect, test } from "vitest";
import { drainBatch } from "../../src/engine/drain.js";
import type { HeldRecord } from "../../src/stores/store.js";
import { items } from "../contract/contract-collections.js";
import { BLUE, inPostgres, log, options, RED, toPostgres, unheard } from "./drain-fixture.js";
import { EngineFixture, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

describe("a batch of records", () => {
  test("sends the present states, removes their entries, and says so", async () => {
    const engine = await unheard("a", "b");
    await engine.redis.store.writeRecords(items, 1, [write("b", { bytes: null })]);
    expect(await toPostgres(engine)).toEqual({ done: 2, seen: 2, again: 0, fenced: false });
    expect(await inPostgres(engine, "a")).toMatchObject({ kind: "value", bytes: RED });
    expect(await inPostgres(engine, "b")).toMatchObject({ kind: "tombstone" });
    expect(await log(engine)).toEqual([]);
    expect(engine.told.repair).toMatchObject([
      { collection: items.name, to: "postgres", count: 2, lagMs: expect.any(Number) },
    ]);
    expect(engine.told.repair?.[0]?.lagMs).toBeLessThan(5000);
    expect(engine.told.divergence).toBeUndefined();
  });

  test("tells the age of the oldest entry as the lag", async () => {
    const engine = await unheard("a");
    engine.servers.redis.clockOffsetMs = 7000;
    await toPostgres(engine);
    expect(engine.told.repair?.[0]?.lagMs).toBeGreaterThanOrEqual(6900);
    expect(engine.told.repair?.[0]?.lagMs).toBeLessThan(30_000);
  });

  test("of nothing asks nothing and tells nothing", async () => {
    const engine = await unheard();
    expect(await toPostgres(engine)).toEqual({ done: 0, seen: 0, again: 0, fenced: false });
    expect(engine.calls).toEqual(["redis.readLog"]);
    expect(engine.told).toEqual({});
  });

  test("is as large as asked, the oldest first", async () => {
    const engine = await unheard("a", "b", "c");
    expect(await toPostgres(engine, { limit: 2 })).toMatchObject({ done: 2, seen: 2 });
    expect(await log(engine)).toHaveLength(1);
  });

  test("keeps the entry of a write that came meanwhile", async () => {
    const engine = await unheard("a");
    engine.after("postgres.applyRecords", async () => {
      await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: BLUE })]);
    });
    await toPostgres(engine);
    expect(await log(engine)).toEqual(["a"]);
    await toPostgres(engine);
    expect(await inPostgres(engine, "a")).toMatchObject({ bytes: BLUE });
    expect(await log(engine)).toEqual([]);
  });

  test("counts what the mirror has already as confirmed", async () => {
    const engine = await unheard("a");
    const { held } = await engine.redis.store.readRecords(items, ["a"]);
    await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: held[0] as never }]);
    expect(await toPostgres(engine)).toMatchObject({ done: 1 });
    expect(await log(engine)).toEqual([]);
  });

  test("leaves what is younger than asked, but takes what is stamped ahead of the clock", async () => {
    const engine = await unheard("a");
    expect(await toPostgres(engine, { minAgeMs: 60_000 })).toEqual({ done: 0, seen: 0, again: 0, fenced: false });
    expect(await log(engine)).toEqual(["a"]);
    engine.servers.redis.clockOffsetMs = -120_000;
    expect(await toPostgres(engine, { minAgeMs: 60_000 })).toMatchObject({ done: 1 });
  });

  test("takes exactly what is old enough", async () => {
    const engine = await unheard();
    let now = 1_000_000;
    engine.servers.redis.clock = () => now;
    await engine.redis.store.writeRecords(items, 1, [write("a"), write("b")]);
    now += 100;
    expect(await toPostgres(engine, { minAgeMs: 101 })).toMatchObject({ seen: 0 });
    expect(await toPostgres(engine, { minAgeMs: 100 })).toMatchObject({ seen: 2 });
    await engine.redis.store.writeRecords(items, 1, [write("a")]);
    now -= 1000;
    expect(await toPostgres(engine, { minAgeMs: 100 })).toMatchObject({ seen: 0 });
    now -= 1;
    expect(await toPostgres(engine, { minAgeMs: 100 })).toMatchObject({ seen: 1 });
  });

  test("is refused by a mirror of a later term, and removes nothing", async () => {
    const engine = await unheard("a");
    await engine.postgres.store.raiseFence(2);
    expect(await toPostgres(engine)).toEqual({ done: 0, seen: 1, again: 0, fenced: true });
    expect(await log(engine)).toEqual(["a"]);
    expect(engine.told).toEqual({});
  });

  test("sends what left no trace as a delete of the stamp that is known, and drops the entry of what has none", async () => {
    const engine = await unheard("a");
    const [entry] = await engine.redis.store.readLog(items, 1);
    engine.servers.redis.memory.keys.clear();
    engine.servers.redis.memory.records.clear();
    engine.servers.redis.control.log(items.name, "never", 0, 100);
    expect(await toPostgres(engine, { adopt: false })).toMatchObject({ done: 2, seen: 2 });
    expect(await log(engine)).toEqual([]);
    expect(await inPostgres(engine, "a")).toMatchObject({ kind: "tombstone", stamp: entry?.stamp });
    expect(await inPostgres(engine, "never")).toEqual({ kind: "absent" });
  });
});

describe("an entry whose record left no trace", () => {
  /** Redis has a log entry of `a` and nothing else. */
  async function traceless() {
    const engine = await unheard("a");
    engine.servers.redis.memory.keys.clear();
    engine.servers.redis.memory.records.clear();
    return engine;
  }

  test("waits where the memory was lost since the log was read", async () => {
    const engine = await traceless();
    engine.setFenceRole("redis", "closed");
    expect(await toPostgres(engine, { term: 2, adopt: false })).toMatchObject({ done: 0, seen: 1 });
    expect(await log(engine)).toEqual(["a"]);
    expect(engine.called("postgres.applyRecords")).toBe(0);
  });

  test("is dropped where the store is a mirror, or incomplete: what it lacks is no delete", async () => {
    const mirror = await traceless();
    mirror.setFenceRole("redis", "mirror");
    expect(await toPostgres(mirror, { adopt: false })).toMatchObject({ done: 1, seen: 1 });
    const incomplete = await traceless();
    await incomplete.redis.store.setComplete(items, false);
    expect(await toPostgres(incomplete, { adopt: false })).toMatchObject({ done: 1, seen: 1 });
    for (const engine of [mirror, incomplete]) {
      expect(engine.called("postgres.applyRecords")).toBe(0);
      expect(await log(engine)).toEqual([]);
    }
  });
});

describe("what bypass writers did meanwhile", () => {
  test("is adopted where the authority drains", async () => {
    const engine = await unheard("a", "b");
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    engine.servers.redis.bypassDel(items.redisKey("b"));
    expect(await toPostgres(engine)).toMatchObject({ done: 2 });
    expect(await inPostgres(engine, "a")).toMatchObject({ kind: "value", bytes: BLUE });
    expect(await inPostgres(engine, "b")).toMatchObject({ kind: "tombstone" });
  });

  test("goes on as it stands where the store is closed: a delete as the delete of what it deleted", async () => {
    const engine = await unheard("b");
    const { held } = await engine.redis.store.readRecords(items, ["b"]);
    const { stamp, operations } = held[0] as Extract<HeldRecord, { kind: "value" }>;
    await engine.redis.store.closeFence(1);
    engine.servers.redis.bypassDel(items.redisKey("b"));
    expect(await toPostgres(engine, { adopt: false })).toMatchObject({ done: 1 });
    expect(await inPostgres(engine, "b")).toMatchObject({ kind: "tombstone", stamp, operations });
  });

  test("waits while it isn't compared since a memory loss", async () => {
    const engine = await unheard("a");
    const { control } = engine.servers.redis;
    if (control.fence) control.fence = { ...control.fence, term: 2, complete: false };
    expect(await toPostgres(engine, { term: 2 })).toEqual({ done: 0, seen: 1, again: 0, fenced: false });
    expect(await log(engine)).toEqual(["a"]);
    expect(engine.called("postgres.applyRecords")).toBe(0);
    expect(await toPostgres(engine, { term: 2, adopt: false })).toMatchObject({ done: 1 });
  });

  test("is told as a divergence where a state of Postgres overwrites it", async () => {
    const engine = await new EngineFixture().reign("postgres");
    await engine.postgres.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    await drainBatch(engine.context, items, engine.postgres, engine.redis, options());
    expect(engine.told.divergence).toMatchObject([{ kind: "bypass-overwritten", redisStamp: null }]);
  });
});
