/** Working off a repair log: what is sent, what is confirmed, what waits, and what is set aside. */
import { describe, expect, test } from "vitest";
import { type DrainOptions, drainAll, drainBatch, drainBoth, type Refusal } from "../../src/engine/drain.js";
import { Refusals } from "../../src/engine/refusals.js";
import { FencedError } from "../../src/errors.js";
import type { HeldRecord } from "../../src/stores/store.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { counterState } from "../contract/contract-harness.js";
import { add, away, EngineFixture, fail, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");

const options = (more: Partial<DrainOptions> = {}): DrainOptions => ({
  term: 1,
  adopt: true,
  refuse: async () => true,
  ...more,
});
const toPostgres = (
  engine: EngineFixture,
  more?: Partial<DrainOptions>,
  collection: typeof items | typeof counts = items,
) => drainBatch(engine.context, collection, engine.redis, engine.postgres, options(more));
const inPostgres = async (engine: EngineFixture, id: string) =>
  (await engine.postgres.store.readRecords(items, [id])).held[0];
const log = async (
  engine: EngineFixture,
  store: "redis" | "postgres" = "redis",
  collection: typeof items | typeof counts = items,
) => (await engine[store].store.readLog(collection, 100)).map(({ id }) => id);

/** Redis reigns and has written these, of which Postgres heard nothing. */
async function unheard(...ids: string[]) {
  const engine = await new EngineFixture().reign("redis");
  for (const id of ids) await engine.redis.store.writeRecords(items, 1, [write(id, { bytes: RED })]);
  engine.calls.length = 0;
  return engine;
}

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

describe("what can't be taken", () => {
  const bad = Buffer.from("[1");
  async function refused() {
    const engine = await unheard("good");
    await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: bad })]);
    return engine;
  }
  /** As many rounds as make a refusal one for good. */
  async function rounds(
    engine: EngineFixture,
    more: Partial<DrainOptions>,
    collection: typeof items | typeof counts = items,
  ) {
    const refusals = new Refusals();
    const drained = [];
    for (let round = 0; round < 3; round++) drained.push(await toPostgres(engine, { ...more, refusals }, collection));
    return drained;
  }

  test("is tried again, then told and handed on with its reason; once it is set aside its entry goes", async () => {
    const engine = await refused();
    const told: Refusal[] = [];
    const refuse = async (refusal: Refusal) => {
      told.push(refusal);
      return true;
    };
    expect(await rounds(engine, { refuse })).toEqual([
      { done: 1, seen: 2, again: 1, fenced: false },
      { done: 0, seen: 1, again: 1, fenced: false },
      { done: 1, seen: 1, again: 0, fenced: false },
    ]);
    expect(told).toMatchObject([{ collection: items, id: "bad", reason: expect.any(String), value: bad }]);
    expect(engine.told.rejected).toMatchObject([{ collection: items.name, reason: told[0]?.reason }]);
    expect(await log(engine)).toEqual([]);
  });

  test("is handed on as it was refused, whatever a bypass writer made of it meanwhile", async () => {
    const engine = await refused();
    const told: Refusal[] = [];
    let sent = 0;
    engine.whenever("postgres.applyRecords", () => {
      if (++sent === 3) engine.servers.redis.bypassSet(items.redisKey("bad"), BLUE);
    });
    await rounds(engine, { refuse: async (one) => told.push(one) > 0 });
    expect(told).toMatchObject([{ id: "bad", value: bad }]);
  });

  test("keeps its entry where it wasn't set aside, and holds up nothing else", async () => {
    const engine = await refused();
    await rounds(engine, { refuse: async () => false });
    expect(engine.told.repair).toHaveLength(1);
    expect(await log(engine)).toEqual(["bad"]);
    expect(await inPostgres(engine, "good")).toMatchObject({ kind: "value" });
  });

  test("is set aside after as many tries where it is more than goes at once", async () => {
    const engine = await unheard();
    const ids = Array.from({ length: 600 }, (_, n) => `bad-${n}`);
    for (const id of ids) await engine.redis.store.writeRecords(items, 1, [write(id, { bytes: bad })]);
    const told: string[] = [];
    await rounds(engine, { refuse: async ({ id }) => told.push(id) > 0 });
    expect(told.sort()).toEqual(ids.sort());
    expect(await log(engine)).toEqual([]);
  });

  test("counts its tries anew after another write", async () => {
    const engine = await refused();
    const refusals = new Refusals();
    const told: Refusal[] = [];
    const refuse = async (refusal: Refusal) => told.push(refusal) > 0;
    for (let round = 0; round < 4; round++) {
      if (round === 2) await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: bad })]);
      await toPostgres(engine, { refusals, refuse });
    }
    expect(told).toEqual([]);
    await toPostgres(engine, { refusals, refuse });
    expect(told).toHaveLength(1);
  });

  test("is a key of another type, too", async () => {
    const engine = await unheard("a", "b");
    engine.servers.redis.bypassDel(items.redisKey("a"));
    engine.servers.redis.bypassAddMember(items.redisKey("a"), "member");
    expect(await toPostgres(engine)).toMatchObject({ done: 1, seen: 2, again: 1 });
    expect(await log(engine)).toEqual(["a"]);
    const told: Refusal[] = [];
    await rounds(engine, { refuse: async (one) => told.push(one) > 0 });
    expect(told).toEqual([{ collection: items, id: "a", reason: "the key holds another Redis type", value: null }]);
    expect(engine.told.rejected?.at(-1)).toMatchObject({ reason: "the key holds another Redis type" });
    expect(await log(engine)).toEqual([]);
  });
});

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
