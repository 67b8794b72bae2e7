/** Fetching from the other store what an incomplete authority lacks, and putting it back under the term of the read. */
import { describe, expect, test } from "vitest";
import { readForUpdate, readRecords } from "../../src/engine/record-reader.js";
import { fetchMissing, newerOf, refillCounters, stateOf, uncompared } from "../../src/engine/refetch.js";
import { FencedError } from "../../src/errors.js";
import type { Fence, HeldRecord } from "../../src/stores/store.js";
import { counts, item, items, RED_SET } from "../contract/contract-collections.js";
import { counterState, recordState } from "../contract/contract-harness.js";
import { add, EngineFixture, onVirtualTime, operation, slowly } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const known = { stamp: 7, expiresAt: 5000, operations: ["one"], compared: true };
const value: HeldRecord = { kind: "value", ...known, bytes: RED, bypass: false };
const tombstone: HeldRecord = { kind: "tombstone", ...known, bytes: null, expiresAt: null };
const expired: HeldRecord = { kind: "expired", ...known, bytes: RED };
const vanished: HeldRecord = { kind: "vanished", ...known, bytes: null };
const absent: HeldRecord = { kind: "absent" };
const unreadable: HeldRecord = { kind: "unreadable", reason: "odd" };

describe("the state a held record travels as", () => {
  test("is the value with its stamp, expiry and operations", () => {
    expect(stateOf(value)).toEqual({ stamp: 7, bytes: RED, expiresAt: 5000, operations: ["one"] });
  });
  test("is a delete for a tombstone, and for what expired", () => {
    const gone = { stamp: 7, bytes: null, expiresAt: null, operations: ["one"] };
    expect(stateOf(tombstone)).toEqual(gone);
    expect(stateOf(expired)).toEqual(gone);
  });
  test("is nothing for what was never stamped and is gone, and for what isn't there or isn't known", () => {
    expect(stateOf({ ...expired, stamp: 0 } as HeldRecord)).toBeNull();
    for (const held of [vanished, absent, unreadable]) expect(stateOf(held)).toBeNull();
  });
});

describe("the later of two stores' records", () => {
  const newer = { ...value, stamp: 8 } as HeldRecord;
  test("is the one with the greater stamp, the authority's own on a tie", () => {
    expect(newerOf(value, newer)).toBe(newer);
    expect(newerOf(newer, value)).toBe(newer);
    const same = { ...value } as HeldRecord;
    expect(newerOf(value, same)).toBe(value);
  });
  test("is the other's where the authority has nothing", () => {
    expect(newerOf(absent, tombstone)).toBe(tombstone);
  });
  test("is the authority's where the other can't tell, or its own can't be read", () => {
    for (const theirs of [absent, unreadable, { ...vanished, stamp: 9 } as HeldRecord])
      expect(newerOf(value, theirs)).toBe(value);
    expect(newerOf(unreadable, newer)).toBe(unreadable);
  });
});

/** A Redis that lost its memory in term 2, and a Postgres that holds a record and a count. */
async function lost() {
  const engine = await new EngineFixture().reign("redis");
  await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000, bytes: RED }) }]);
  await engine.postgres.store.applyCounters(counts, 1, [{ id: "a", state: counterState({ redisPart: 5 }) }]);
  engine.loseRedis(2);
  engine.calls.length = 0;
  return engine;
}
const FENCE: Fence = { term: 2, role: "authority", complete: false };
const incomplete = { store: "redis", fence: FENCE } as const;
const records = (engine: EngineFixture, ids = ["a", "b"]) =>
  fetchMissing(engine.context, items, ids, operation(), incomplete);
const refill = (engine: EngineFixture, ids = ["a", "b"]) =>
  refillCounters(engine.context, counts, ids, operation(), incomplete);
const inRedis = async (engine: EngineFixture) => (await engine.redis.store.readRecords(items, ["a"])).held[0];
const countInRedis = async (engine: EngineFixture) => (await engine.redis.store.readCounters(counts, ["a"])).held[0];

describe("fetching what is missing", () => {
  test("gives what the other store holds of each, and puts it back", async () => {
    const engine = await lost();
    const fetched = (await records(engine)) as Map<string, HeldRecord>;
    expect([...fetched]).toMatchObject([
      ["a", { kind: "value", bytes: RED, stamp: 1000 }],
      ["b", { kind: "absent" }],
    ]);
    expect(await inRedis(engine)).toMatchObject({ kind: "value", bytes: RED, stamp: 1000, compared: true });
  });

  test("puts nothing back where there is nothing, nor into a complete authority", async () => {
    const engine = await lost();
    await records(engine, ["b"]);
    await fetchMissing(engine.context, items, ["a"], operation(), {
      store: "redis",
      fence: { ...FENCE, complete: true },
    });
    expect(engine.called("redis.applyRecords")).toBe(0);
  });

  test("what is put back goes under the term of the read", async () => {
    const engine = await lost();
    // Postgres told of the record; then someone wrote it anew, and Redis lost its memory once more.
    engine.after("postgres.inspectRecords", () => engine.loseRedis(3));
    expect(await records(engine)).toBeInstanceOf(FencedError);
    expect(await inRedis(engine)).toEqual({ kind: "absent" });
  });

  test("is of no use under a term that the other store knows to be over: its fence came late to an emptied memory", async () => {
    for (const fetch of [records, refill]) {
      const engine = await lost();
      const { control } = engine.servers.postgres;
      if (control.fence) control.fence = { ...control.fence, term: 3 };
      expect(await fetch(engine)).toBeInstanceOf(FencedError);
      for (const call of ["applyRecords", "applyCounters"]) expect(engine.called(`redis.${call}`)).toBe(0);
    }
  });

  test("ends in the other store's error", async () => {
    const engine = await lost();
    engine.outage("postgres");
    expect(await records(engine)).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("has the authority asked anew where it fails meanwhile: the other store told all it knows", async () => {
    for (const fetch of [records, refill]) {
      const engine = await lost();
      for (const method of ["inspectRecords", "inspectCounters"])
        engine.after(`postgres.${method}`, () => {
          engine.outage("redis");
        });
      const failed = await fetch(engine);
      expect(failed).toBeInstanceOf(FencedError);
      expect(failed).toMatchObject({
        message: "The authority didn't take what was put back (connect ECONNREFUSED).",
        cause: { code: "ECONNREFUSED" },
      });
    }
  });

  test("a silent authority leaves time to ask elsewhere", async () => {
    const engine = await lost();
    engine.whenever("redis.applyRecords", () => new Promise(() => {}));
    const asked = operation(100);
    expect(await fetchMissing(engine.context, items, ["a"], asked, incomplete)).toBeInstanceOf(FencedError);
    expect(asked.remaining).toBeGreaterThan(30);
  });

  test("ends in an error where one store isn't connected", async () => {
    const engine = await lost();
    const context = { ...engine.context, redis: null };
    for (const store of ["redis", "postgres"] as const) {
      const failed = await fetchMissing(context, items, ["a"], operation(), { store, fence: FENCE });
      expect(failed).toMatchObject({ message: "the other store isn't connected" });
      expect(await refillCounters(context, counts, ["a"], operation(), { store, fence: FENCE })).toMatchObject({
        message: "the other store isn't connected",
      });
    }
  });

  test("takes no longer than the operation has, and no call less than a millisecond", async () => {
    const engine = await lost();
    engine.whenever("postgres.inspectRecords", () => new Promise(() => {}));
    const begun = performance.now();
    const failed = await fetchMissing(engine.context, items, ["a"], operation(20), incomplete);
    expect(failed).toMatchObject({ name: "StoreTimeoutError" });
    expect(performance.now() - begun).toBeLessThan(900);
    const none = operation(0);
    expect(await fetchMissing(engine.context, items, ["a"], none, incomplete)).toMatchObject({
      message: "postgres didn't answer within 1 ms",
    });
  });
});

test("a store that takes its time is waited for, as long as the operation may", async () => {
  const engine = await lost();
  for (const method of ["inspectRecords", "inspectCounters"]) engine.whenever(`postgres.${method}`, slowly);
  for (const method of ["applyRecords", "applyCounters"]) engine.whenever(`redis.${method}`, slowly);
  expect(await records(engine)).toBeInstanceOf(Map);
  expect(await refill(engine)).toBeNull();
});

describe("refilling counters", () => {
  test("brings the other store's parts before anything is counted", async () => {
    const engine = await lost();
    expect(await refill(engine)).toBeNull();
    expect(await countInRedis(engine)).toMatchObject({ kind: "value", redisPart: 5, compared: true });
  });

  test("tells nothing where the other store counted nothing", async () => {
    const engine = await lost();
    expect(await refill(engine, ["b"])).toBeNull();
    expect(engine.called("redis.applyCounters")).toBe(0);
  });

  test("brings also what expired: its operations, and the generation that the next one must be above", async () => {
    const engine = await lost();
    const expiresAt = engine.servers.redis.now() - 1;
    const over = counterState({ generation: 7, redisPart: 5, expiresAt, operations: ["once"] });
    await engine.postgres.store.applyCounters(counts, 2, [{ id: "b", state: over }]);
    expect(await refill(engine)).toBeNull();
    expect((await engine.redis.store.readCounters(counts, ["b"])).held).toMatchObject([
      { kind: "absent", last: { generation: 7, operations: ["once"] }, compared: true },
    ]);
  });

  test("an absence in Redis tells nothing: it may be a bypass writer's delete", async () => {
    const engine = await new EngineFixture().reign("redis", 1, ["postgres"]);
    await engine.redis.store.addToCounters(counts, 1, [add("a", 5, { ttlMs: 60_000 })]);
    engine.servers.redis.bypassDel(counts.redisKey("a"));
    engine.move("postgres", 2);
    const ofPostgres = { store: "postgres", fence: { term: 2, role: "authority", complete: false } } as const;
    expect(await refillCounters(engine.context, counts, ["a"], operation(), ofPostgres)).toBeNull();
    expect((await engine.postgres.store.readCounters(counts, ["a"])).held).toMatchObject([{ kind: "absent" }]);
  });

  test("a counter is refilled under the term of the read", async () => {
    const engine = await lost();
    engine.after("postgres.inspectCounters", () => engine.loseRedis(3));
    expect(await refill(engine)).toBeInstanceOf(FencedError);
    expect(await countInRedis(engine)).toMatchObject({ kind: "absent" });
  });

  test("ends in the other store's error", async () => {
    const engine = await lost();
    engine.outage("postgres");
    expect(await refill(engine)).toMatchObject({ code: "ECONNREFUSED" });
  });
});

test("what couldn't be compared is refused for now, with the reason", () => {
  const cause = new Error("connect ECONNREFUSED");
  const error = uncompared(cause);
  expect(error).toBeInstanceOf(FencedError);
  expect(error.message).toMatch(/can't be asked what it had \(connect ECONNREFUSED\)/);
  expect(error.cause).toBe(cause);
});

describe("what an authority that lost its memory refuses to take back", () => {
  /** Another program put a text in the place of a set that follows the records. */
  async function refusing() {
    const engine = await lost();
    engine.servers.redis.bypassSet(RED_SET, Buffer.from("odd"));
    return engine;
  }

  test("is read from the other store, and is no miss", async () => {
    const { context } = await refusing();
    expect(await readRecords(context, items, ["a"], operation())).toMatchObject([
      { kind: "hit", value: RED, store: "postgres" },
    ]);
  });

  test("isn't changed: whoever would is told why", async () => {
    const { context } = await refusing();
    expect(await readForUpdate(context, items, "a", operation())).toEqual({
      kind: "unreadable",
      reason: "redis refuses what postgres holds of it",
    });
  });
});
