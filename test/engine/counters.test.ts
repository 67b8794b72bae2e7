/** Counting: together, once for an operation id, and only on what is known. */
import { describe, expect, test } from "vitest";
import { addToCounters, readCounters } from "../../src/engine/counters.js";
import { AuthorityUnavailableError, OutcomeUnknownError, ValidationError } from "../../src/errors.js";
import { counts } from "../contract/contract-collections.js";
import { counterState } from "../contract/contract-harness.js";
import { add, away, cutOff, EngineFixture, fail, never, onVirtualTime, operation, slowly } from "./engine-fixture.js";

onVirtualTime();

const count = (engine: EngineFixture, adds: Record<string, number>, op = operation()) =>
  addToCounters(
    engine.context,
    counts,
    Object.entries(adds).map(([id, by]) => add(id, by, { operationId: op.id })),
    op,
  );
const read = (engine: EngineFixture, ...ids: string[]) => readCounters(engine.context, counts, ids, operation());
const inPostgres = async (engine: EngineFixture, id: string) =>
  (await engine.postgres.store.readCounters(counts, [id])).held[0];

describe("counting", () => {
  test("gives what each stands at, tells the mirror, and leaves no repair-log entry", async () => {
    const engine = await new EngineFixture().reign("redis");
    expect(await count(engine, { a: 2, b: 3 })).toEqual([2, 3]);
    expect(await count(engine, { a: 2 })).toEqual([4]);
    expect(await inPostgres(engine, "a")).toMatchObject({ redisPart: 4, postgresPart: 0 });
    await engine.context.clearer.settled();
    expect(await engine.redis.store.readLog(counts, 10)).toEqual([]);
  });

  test("in a Redis that serves alone tells Postgres nothing: both counts are added once they agree", async () => {
    const engine = await new EngineFixture().reign("redis");
    const { control } = engine.servers.redis;
    control.fence = { ...(control.fence as NonNullable<typeof control.fence>), agreed: false };
    expect(await count(engine, { a: 3 })).toEqual([3]);
    expect(engine.calls).not.toContain("postgres.applyCounters");
    expect(await engine.redis.store.readLog(counts, 10)).toMatchObject([{ id: "a" }]);
  });

  test("counts in each store's own part, and gives the sum", async () => {
    const engine = await new EngineFixture().reign("redis");
    await count(engine, { a: 2 });
    engine.move("postgres", 2);
    expect(await count(engine, { a: 5 })).toEqual([7]);
    expect(await inPostgres(engine, "a")).toMatchObject({ redisPart: 2, postgresPart: 5 });
  });

  test("whose answer was lost counts once", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.after("redis.addToCounters", fail(cutOff()));
    expect(await count(engine, { a: 2 })).toEqual([2]);
    expect(engine.called("redis.addToCounters")).toBe(2);
  });

  test("that the mirror calls superseded is done again in the next term, or is unknown", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.before("postgres.applyCounters", () => engine.move("postgres", 2));
    expect(await count(engine, { a: 2 })).toEqual([2]);
    expect(await inPostgres(engine, "a")).toMatchObject({ redisPart: 0, postgresPart: 2 });
    const other = await new EngineFixture().reign("redis");
    other.before("postgres.applyCounters", () => other.move("postgres", 2));
    other.whenever("postgres.addToCounters", fail(away()));
    await expect(count(other, { a: 2 }, operation(150))).rejects.toThrow(OutcomeUnknownError);
  });

  test("that the authority refuses for good is told so, with its operation id", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassSet(counts.redisKey("a"), Buffer.from("many"));
    const op = operation();
    const error = await count(engine, { a: 2 }, op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ operationId: op.id });
    expect((error as Error).message).toContain(`${counts.name}: the authority refuses to count: `);
  });

  test("of several is refused where any of them is refused for good", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassSet(counts.redisKey("b"), Buffer.from("many"));
    await expect(count(engine, { a: 2, b: 2 })).rejects.toThrow(ValidationError);
    expect(await inPostgres(engine, "b")).toMatchObject({ kind: "absent" });
  });

  test("under a fence goes to the next authority", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.move("postgres", 2);
    expect(await count(engine, { a: 2 })).toEqual([2]);
    expect(await inPostgres(engine, "a")).toMatchObject({ postgresPart: 2 });
  });
});

/** Redis lost its memory in term 2; Postgres knows of five. */
async function lost() {
  const engine = await new EngineFixture().reign("redis");
  await engine.postgres.store.applyCounters(counts, 1, [
    { id: "a", state: counterState({ redisPart: 3, postgresPart: 2, operations: ["known"] }) },
  ]);
  engine.loseRedis(2);
  engine.calls.length = 0;
  return engine;
}

describe("an authority that lost its memory", () => {
  test("is refilled before anything is counted, all counters of the call", async () => {
    const engine = await lost();
    expect(await count(engine, { a: 1, b: 1 })).toEqual([6, 1]);
    expect(await inPostgres(engine, "a")).toMatchObject({ redisPart: 4, postgresPart: 2 });
    expect(await count(engine, { a: 1 })).toEqual([7]);
    expect(engine.called("postgres.inspectCounters")).toBe(1);
  });

  test("gives its second step the time that is left", async () => {
    const engine = await lost();
    engine.after("redis.applyCounters", () => engine.whenever("redis.addToCounters", slowly));
    expect(await count(engine, { a: 1 })).toEqual([6]);
    expect(engine.called("redis.addToCounters")).toBe(2);
  });

  test("gives its second step no more than the time that is left", async () => {
    const engine = await lost();
    engine.after("redis.applyCounters", () => engine.whenever("redis.addToCounters", () => new Promise(() => {})));
    const begun = performance.now();
    await expect(count(engine, { a: 1 }, operation(400))).rejects.toThrow(OutcomeUnknownError);
    expect(performance.now() - begun).toBeLessThan(700);
  });

  test("knows a repetition once it is refilled", async () => {
    const engine = await lost();
    expect(await count(engine, { a: 1 }, operation(1000, "known"))).toEqual([5]);
  });

  test("refills all counters of a call before it counts any", async () => {
    const engine = await lost();
    await engine.postgres.store.applyCounters(counts, 2, [{ id: "b", state: counterState({ redisPart: 7 }) }]);
    const [a, b] = await addToCounters(engine.context, counts, [add("a"), add("b")], operation());
    expect(b).toBe(8);
    expect(a).toBeGreaterThan(1);
  });

  test("counts nothing while the other store is away", async () => {
    const engine = await lost();
    await engine.context.term.refresh();
    engine.outage("postgres");
    const error = await count(engine, { a: 1 }, operation(120)).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(AuthorityUnavailableError);
    expect((error as Error).message).toContain("the other store can't be asked what it had");
    expect((await engine.redis.store.readCounters(counts, ["a"])).held[0]).toMatchObject({ kind: "absent" });
  });

  test("that answers slowly, and then not at all, costs no more than the operation has", async () => {
    for (const method of ["redis.readCounters", "postgres.inspectCounters"] as const) {
      const engine = await lost();
      engine.before("redis.addToCounters", () => new Promise((resolve) => setTimeout(resolve, 600)));
      engine.whenever(method, never);
      const begun = performance.now();
      await expect(count(engine, { a: 1 }, operation(900))).rejects.toThrow();
      expect(performance.now() - begun, method).toBeLessThan(1000);
    }
  });

  test("begins again where the term moves between its two steps", async () => {
    const engine = await lost();
    engine.after("redis.applyCounters", () => engine.move("postgres", 3));
    expect(await count(engine, { a: 1 })).toEqual([6]);
    expect(await inPostgres(engine, "a")).toMatchObject({ postgresPart: 3 });
  });

  test("is refilled before it is read", async () => {
    const engine = await lost();
    expect(await read(engine, "a", "b")).toMatchObject([
      { kind: "hit", value: 5, store: "redis", fallback: false },
      { kind: "hit", value: 0, store: "redis", fallback: false },
    ]);
  });

  test("isn't refilled for what was compared, or can't be read", async () => {
    const engine = await lost();
    await count(engine, { a: 1 });
    engine.servers.redis.bypassSet(counts.redisKey("odd"), Buffer.from("many"));
    engine.calls.length = 0;
    expect(await read(engine, "a", "odd")).toMatchObject([{ kind: "hit", value: 6 }, { kind: "error" }]);
    expect(engine.calls.filter((call) => call.startsWith("postgres"))).toEqual([]);
  });

  test("with the other store away tells what was compared, and of the rest that it isn't known", async () => {
    const engine = await lost();
    await count(engine, { a: 1 });
    engine.outage("postgres");
    const [a, b] = await read(engine, "a", "b");
    expect(a).toMatchObject({ kind: "hit", value: 6, fallback: false });
    expect(b).toMatchObject({
      kind: "error",
      store: "redis",
      fallback: false,
      error: expect.any(AuthorityUnavailableError),
    });
    expect((b as { error: Error }).error.message).toContain(
      "redis lost its memory and the other store can't be asked (connect ECONNREFUSED)",
    );
  });

  test("whose term moves meanwhile is read again", async () => {
    const engine = await lost();
    engine.before("redis.applyCounters", () => engine.loseRedis(3));
    expect(await read(engine, "a")).toMatchObject([{ kind: "hit", value: 5, store: "redis", fallback: false }]);
    const other = await lost();
    other.after("redis.applyCounters", () => other.loseRedis(3));
    expect(await read(other, "a")).toMatchObject([{ kind: "hit", value: 5, store: "redis", fallback: false }]);
    const moved = await lost();
    moved.after("redis.applyCounters", () => moved.move("postgres", 3));
    expect(await read(moved, "a")).toMatchObject([{ kind: "hit", value: 5, store: "postgres", fallback: false }]);
  });
});

describe("a Postgres that a forced passage made the authority", () => {
  /** Redis stands at 8 for `a`, of which Postgres was told 3; of `b` it never heard. */
  async function incomplete() {
    const engine = await new EngineFixture().reign("redis", 1, ["postgres"]);
    await count(engine, { a: 3 });
    engine.servers.redis.bypassIncr(counts.redisKey("a"), 5);
    engine.servers.redis.bypassSet(counts.redisKey("b"), Buffer.from("7"));
    engine.move("postgres", 2);
    return engine;
  }

  test("is refilled for the counters that it lacks, and not for what the handover dropped of the others", async () => {
    expect(await count(await incomplete(), { a: 1, b: 1 })).toEqual([4, 8]);
  });

  test("is refilled so before it is read", async () => {
    expect(await read(await incomplete(), "a", "b")).toMatchObject([{ value: 3 }, { value: 7 }]);
  });
});

describe("reading", () => {
  test("gives sums with stamp and expiry, and 0 for what never was or expired", async () => {
    const engine = await new EngineFixture().reign("redis");
    await addToCounters(engine.context, counts, [add("a", 2, { ttlMs: 60_000 })], operation());
    const [a, b] = await read(engine, "a", "b");
    expect(a).toEqual({
      kind: "hit",
      value: 2,
      store: "redis",
      fallback: false,
      stamp: expect.any(Number),
      expiresAt: expect.any(Number),
    });
    expect(b).toEqual({ kind: "hit", value: 0, store: "redis", fallback: false });
  });

  test("tells what is no counter as an error", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassSet(counts.redisKey("a"), Buffer.from("many"));
    const [a] = await read(engine, "a");
    expect(a).toMatchObject({ kind: "error", store: "redis", fallback: false });
    const { error } = a as unknown as { error: ValidationError };
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.issues[0]).toMatchObject({ path: "", message: expect.stringContaining("counter") });
  });

  test("of nothing asks nobody", async () => {
    const engine = await new EngineFixture().reign("redis");
    expect(await read(engine)).toEqual([]);
    expect(engine.calls).toEqual([]);
  });

  test("falls back to the other store, and says so", async () => {
    const engine = await new EngineFixture().reign("redis");
    await count(engine, { a: 2 });
    engine.outage("redis");
    expect(await read(engine, "a", "b")).toMatchObject([
      { kind: "hit", value: 2, store: "postgres", fallback: true },
      { kind: "hit", value: 0, store: "postgres", fallback: true },
    ]);
    expect(engine.told.fallback).toMatchObject([{ collection: counts.name, count: 2 }]);
  });

  test("doesn't take an incomplete store's nothing for 0", async () => {
    const engine = await new EngineFixture().reign("redis", 1, ["postgres"]);
    await count(engine, { a: 2 });
    engine.outage("redis");
    expect(await read(engine, "a")).toMatchObject([{ kind: "hit", value: 2, fallback: true }]);
    const both = await read(engine, "a", "b");
    expect(both).toMatchObject([
      { kind: "error", store: "redis", fallback: false },
      { kind: "error", store: "redis", fallback: false },
    ]);
    expect((both[0] as { error: Error }).error.message).toContain(
      "postgres is incomplete and the authority didn't answer",
    );
  });

  test("is an error where neither answers, and a fault of the library's own is thrown", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.outage("redis");
    engine.outage("postgres");
    expect(await read(engine, "a")).toMatchObject([
      { kind: "error", store: "redis", error: expect.any(AuthorityUnavailableError) },
    ]);
    const context = { ...engine.context };
    Object.defineProperty(context, "term", { get: fail(new TypeError("a bug")) });
    await expect(readCounters(context, counts, ["a"], operation())).rejects.toThrow(TypeError);
  });
});
