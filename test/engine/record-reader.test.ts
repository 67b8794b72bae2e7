/** Reading records: who answers, what an incomplete authority asks the other store, and how a fallback is marked. */
import { describe, expect, test } from "vitest";
import { AuthorityReadError } from "../../src/engine/authority-read.js";
import { readForUpdate, readRecords } from "../../src/engine/record-reader.js";
import { AuthorityUnavailableError, ValidationError } from "../../src/errors.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { away, EngineFixture, fail, onVirtualTime, operation, slowly, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");

const read = async (engine: EngineFixture, ...ids: string[]) => readRecords(engine.context, items, ids, operation());
const readOne = async (engine: EngineFixture, id: string) => (await read(engine, id))[0];

/** Postgres, the mirror, holds these states. */
async function mirrored(engine: EngineFixture, states: Record<string, Parameters<typeof recordState>[0]>, term = 1) {
  await engine.postgres.store.applyRecords(
    items,
    term,
    Object.entries(states).map(([id, state]) => ({ id, state: recordState(state) })),
  );
}

describe("a complete authority", () => {
  test("answers with the value, its stamp and its expiry", async () => {
    const engine = await new EngineFixture().reign("postgres");
    const expiresAt = Date.now() + 60_000;
    const written = await engine.postgres.store.writeRecords(items, 1, [write("a", { bytes: RED, expiresAt })]);
    const state = (written as { results: { state: { stamp: number } }[] }).results[0]?.state;
    expect(await readOne(engine, "a")).toMatchObject({
      kind: "hit",
      value: RED,
      store: "postgres",
      fallback: false,
      stamp: state?.stamp,
      expiresAt,
    });
  });

  test("tells the expiry of a value that was copied and never stamped, where Postgres has it", async () => {
    const engine = await new EngineFixture().reign("redis");
    const expiresAt = Date.now() + 60_000;
    await mirrored(engine, { a: { stamp: 0, bytes: RED, expiresAt } });
    engine.move("postgres", 2);
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", stamp: 0, expiresAt });
  });

  test("doesn't tell the expiry of a bare value, which a plain read doesn't learn", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassSet(items.redisKey("a"), RED, Date.now() + 60_000);
    const outcome = await readOne(engine, "a");
    expect(outcome).toMatchObject({ kind: "hit", value: RED, store: "redis", stamp: 0 });
    expect(outcome).not.toHaveProperty("expiresAt");
    await engine.redis.store.writeRecords(items, 1, [write("b", { bytes: RED })]);
    expect(await readOne(engine, "b")).toHaveProperty("expiresAt", null);
  });

  test("is believed about a miss, a tombstone and an expiry, and the other store isn't asked", async () => {
    const engine = await new EngineFixture().reign("redis");
    await mirrored(engine, { a: { stamp: 0 }, b: { stamp: 0 }, c: { stamp: 0 } });
    await engine.redis.store.writeRecords(items, 1, [
      write("b", { bytes: null }),
      write("c", { expiresAt: Date.now() - 1000 }),
    ]);
    engine.calls.length = 0;
    expect(await read(engine, "a", "b", "c")).toMatchObject([
      { kind: "miss", store: "redis", fallback: false },
      { kind: "miss" },
      { kind: "miss" },
    ]);
    expect(engine.called("postgres.inspectRecords") + engine.called("postgres.readRecords")).toBe(0);
  });

  test("that can't read a key of another type ends in an error, not a miss", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassAddMember(items.redisKey("a"), "member");
    const outcome = await readOne(engine, "a");
    expect(outcome).toMatchObject({ kind: "error", store: "redis", fallback: false });
    const { error } = outcome as unknown as { error: ValidationError };
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.issues).toEqual([{ path: "", message: "the key holds another Redis type" }]);
  });

  test("isn't asked for nothing", async () => {
    const engine = await new EngineFixture().reign("redis");
    expect(await read(engine)).toEqual([]);
    expect(engine.calls).toEqual([]);
  });
});

describe("an authority that lost its memory", () => {
  async function lost() {
    const engine = await new EngineFixture().reign("redis");
    await mirrored(engine, { a: { stamp: 1000, bytes: RED, operations: ["one"] }, gone: { stamp: 1000, bytes: null } });
    engine.loseRedis(2);
    return engine;
  }

  test("gets from the other store what it misses, and answers itself from then on", async () => {
    const engine = await lost();
    expect(await read(engine, "a", "gone", "never")).toMatchObject([
      { kind: "hit", value: RED, store: "redis", fallback: false, stamp: 1000 },
      { kind: "miss", store: "redis", fallback: false },
      { kind: "miss", store: "redis", fallback: false },
    ]);
    engine.calls.length = 0;
    expect(await read(engine, "a", "gone")).toMatchObject([{ kind: "hit" }, { kind: "miss" }]);
    expect(engine.calls.filter((call) => call.startsWith("postgres"))).toEqual([]);
  });

  test("that takes its time for the second answer is waited for", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.whenever("redis.readRecords", slowly));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "redis", fallback: false });
  });

  test("asks only for what it isn't sure of", async () => {
    const engine = await lost();
    await readOne(engine, "a");
    await mirrored(engine, { a: { stamp: 3000, bytes: BLUE } }, 2);
    engine.servers.redis.bypassAddMember(items.redisKey("odd"), "member");
    expect(await read(engine, "a", "odd", "never")).toMatchObject([
      { kind: "hit", value: RED },
      { kind: "error", store: "redis" },
      { kind: "miss" },
    ]);
    expect(engine.called("postgres.inspectRecords")).toBe(2);
  });

  test("keeps what a bypass writer wrote since, and says so", async () => {
    const engine = await lost();
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: BLUE, store: "redis", fallback: false });
  });

  test("with the other store away tells what stands as a fallback, and nothing of what doesn't", async () => {
    const engine = await lost();
    engine.servers.redis.bypassSet(items.redisKey("b"), BLUE);
    engine.outage("postgres");
    const [a, b] = await read(engine, "a", "b");
    expect(b).toMatchObject({ kind: "hit", value: BLUE, store: "redis", fallback: true });
    expect(engine.told.fallback).toMatchObject([{ from: "postgres", to: "redis", count: 1 }]);
    expect(a).toMatchObject({ kind: "error", store: "redis", fallback: false });
    const { error } = a as { error: Error };
    expect(error).toBeInstanceOf(AuthorityUnavailableError);
    expect(error.message).toMatch(/^redis has nothing, but connect ECONNREFUSED: /);
  });

  test("begins again where the term moves while something is put back", async () => {
    const engine = await lost();
    engine.before("redis.applyRecords", () => engine.loseRedis(3));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "redis", fallback: false });
    expect(engine.servers.redis.control.fence?.term).toBe(3);
  });

  test("begins again where the term moves before its second answer", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.loseRedis(3));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "redis", fallback: false });
    expect(engine.called("redis.applyRecords")).toBe(2);
  });

  test("begins again where its reign ended before its second answer", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => {
      engine.move("postgres", 2);
    });
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "postgres", fallback: false });
  });

  test("whose term keeps moving isn't asked for ever", async () => {
    const engine = await lost();
    let term = 2;
    engine.whenever("redis.applyRecords", () => engine.loseRedis(++term));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "postgres", fallback: true });
    expect(term).toBe(6);
  });

  test("and doesn't answer the second time is answered for by the other store", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.before("redis.readRecords", fail(away())));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "postgres", fallback: true });
  });

  test("and goes away while something is put back is answered for by the other store", async () => {
    const engine = await lost();
    engine.after("postgres.inspectRecords", () => {
      engine.outage("redis");
    });
    expect(await read(engine, "a", "nothing")).toMatchObject([
      { kind: "hit", value: RED, store: "postgres", fallback: true },
      { kind: "miss", store: "postgres", fallback: true },
    ]);
  });

  test("and takes nothing back is answered for by the other store", async () => {
    const engine = await lost();
    engine.whenever("redis.applyRecords", fail(new Error("OOM command not allowed")));
    expect(await readOne(engine, "a")).toMatchObject({ kind: "hit", value: RED, store: "postgres", fallback: true });
  });

  test("doesn't ask for what it can't read", async () => {
    const engine = await lost();
    engine.servers.redis.bypassAddMember(items.redisKey("odd"), "member");
    expect(await readOne(engine, "odd")).toMatchObject({ kind: "error", store: "redis" });
    expect(engine.called("postgres.inspectRecords")).toBe(0);
  });
});

describe("looking elsewhere", () => {
  test("never: what an incomplete authority isn't sure of is marked, and its misses are errors", async () => {
    const engine = await new EngineFixture({ lookElsewhere: "never" }).reign("redis");
    await mirrored(engine, { a: { stamp: 1000 } });
    await engine.redis.store.writeRecords(items, 1, [write("b", { bytes: BLUE }), write("c", { bytes: null })]);
    const { control } = engine.servers.redis;
    if (control.fence) control.fence = { ...control.fence, term: 2, complete: false };
    await engine.redis.store.writeRecords(items, 2, [
      write("d", { compared: true }),
      write("e", { bytes: null, compared: true }),
    ]);
    engine.calls.length = 0;
    const [a, b, c, d, e] = await read(engine, "a", "b", "c", "d", "e");
    expect(a).toMatchObject({ kind: "error", store: "redis", error: expect.any(AuthorityUnavailableError) });
    expect((a as { error: Error }).error.message).toMatch(/it is incomplete and looking elsewhere is off/);
    expect(b).toMatchObject({ kind: "hit", value: BLUE, fallback: true });
    expect(c).toMatchObject({ kind: "error" });
    expect(d).toMatchObject({ kind: "hit", fallback: false });
    expect(e).toMatchObject({ kind: "miss", fallback: false });
    expect(engine.calls).not.toContain("postgres.inspectRecords");
  });

  test("always: a complete authority's miss is answered by the other store and not put back", async () => {
    const engine = await new EngineFixture({ lookElsewhere: "always" }).reign("redis");
    await mirrored(engine, { a: { stamp: 0, bytes: BLUE }, b: { stamp: 0, bytes: BLUE } });
    await engine.redis.store.writeRecords(items, 1, [write("b", { bytes: null })]);
    engine.calls.length = 0;
    expect(await read(engine, "a", "b", "never")).toMatchObject([
      { kind: "hit", value: BLUE, store: "postgres", fallback: false },
      { kind: "miss", store: "redis" },
      { kind: "miss", store: "redis" },
    ]);
    expect(engine.called("redis.applyRecords")).toBe(0);
    expect(engine.called("redis.readRecords")).toBe(1);
    engine.calls.length = 0;
    expect(await readOne(engine, "b")).toMatchObject({ kind: "miss", store: "redis" });
    expect(engine.called("postgres.inspectRecords")).toBe(0);
    engine.outage("postgres");
    expect(await readOne(engine, "a")).toMatchObject({ kind: "error", store: "redis" });
  });
});

describe("with the authority away", () => {
  async function cut(incomplete: readonly ("redis" | "postgres")[] = []) {
    const engine = await new EngineFixture().reign("redis", 1, incomplete);
    await mirrored(engine, { a: { stamp: 1000, bytes: RED }, gone: { stamp: 1000, bytes: null } });
    await engine.context.term.refresh();
    const end = engine.outage("redis");
    engine.calls.length = 0;
    return { engine, end };
  }

  test("the other store answers, and every answer is marked as a fallback", async () => {
    const { engine } = await cut();
    expect(await read(engine, "a", "gone", "never")).toMatchObject([
      { kind: "hit", value: RED, store: "postgres", fallback: true },
      { kind: "miss", store: "postgres", fallback: true },
      { kind: "miss", store: "postgres", fallback: true },
    ]);
    expect(engine.told.fallback).toMatchObject([
      { collection: items.name, from: "redis", to: "postgres", count: 3, reason: "connect ECONNREFUSED" },
    ]);
  });

  test("an incomplete other store is believed about what it has, but not about a miss", async () => {
    const { engine } = await cut(["postgres"]);
    const [a, gone, never] = await read(engine, "a", "gone", "never");
    expect(a).toMatchObject({ kind: "hit", fallback: true });
    expect(gone).toMatchObject({ kind: "miss", fallback: true });
    expect(never).toMatchObject({ kind: "error", store: "postgres", error: expect.any(AuthorityUnavailableError) });
    expect((never as { error: Error }).error.message).toMatch(/it is incomplete and the authority didn't answer/);
  });

  test("another store without a fence is believed about what it has, but not about a miss", async () => {
    const { engine } = await cut();
    engine.servers.postgres.control.fence = null;
    expect(await read(engine, "a", "never")).toMatchObject([{ kind: "hit" }, { kind: "error", store: "postgres" }]);
  });

  test("and the other one too, each record is an error of the authority's", async () => {
    const { engine } = await cut();
    engine.outage("postgres");
    expect(await read(engine, "a", "b")).toMatchObject([
      { kind: "error", store: "redis", fallback: false, error: expect.any(AuthorityUnavailableError) },
      { kind: "error", store: "redis", fallback: false },
    ]);
  });

  test("a reader that asks the authority alone is told so", async () => {
    const { engine } = await cut();
    await expect(readRecords(engine.context, items, ["a"], operation(), "authority")).rejects.toThrow(
      AuthorityReadError,
    );
    expect(engine.called("postgres.readRecords")).toBe(0);
  });

  test("a fault of the library's own isn't taken for an outage", async () => {
    const engine = await new EngineFixture().reign("redis");
    const context = Object.defineProperty({ ...engine.context }, "lookElsewhere", {
      get: fail(new TypeError("a bug")),
    });
    await expect(readRecords(context, items, ["a"], operation())).rejects.toThrow(TypeError);
  });
});

describe("a read for an update", () => {
  test("takes what a complete authority holds", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    expect(await readForUpdate(engine.context, items, "a", operation())).toMatchObject({ kind: "value", bytes: RED });
    expect(await readForUpdate(engine.context, items, "b", operation())).toEqual({ kind: "absent" });
    expect(engine.calls.filter((call) => call.startsWith("postgres.inspect"))).toEqual([]);
  });

  test("fetches first what an incomplete authority misses", async () => {
    const engine = await new EngineFixture().reign("redis");
    await mirrored(engine, { a: { stamp: 1000, bytes: RED } });
    engine.loseRedis(2);
    expect(await readForUpdate(engine.context, items, "a", operation())).toMatchObject({ kind: "value", bytes: RED });
  });

  test("waits while a closed authority holds what a bypass writer did, which the handover may drop", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED }), write("b", { bytes: null })]);
    await engine.redis.store.closeFence(1);
    const forUpdate = (id: string) => readForUpdate(engine.context, items, id, operation());
    expect(await forUpdate("a")).toMatchObject({ kind: "value", bytes: RED });
    expect(await forUpdate("b")).toMatchObject({ kind: "tombstone" });
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    await expect(forUpdate("a")).rejects.toMatchObject({ name: "AuthorityReadError", store: "redis" });
    engine.setFenceRole("redis", "authority");
    expect(await forUpdate("a")).toMatchObject({ kind: "value", bytes: BLUE, bypass: true });
  });

  test("is never answered by the other store", async () => {
    const engine = await new EngineFixture().reign("redis");
    await mirrored(engine, { a: { stamp: 1000, bytes: RED } });
    await engine.context.term.refresh();
    engine.outage("redis");
    await expect(readForUpdate(engine.context, items, "a", operation())).rejects.toMatchObject({
      name: "AuthorityReadError",
      store: "redis",
    });
  });

  test("fails where what is missing can't be fetched", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.loseRedis(2);
    await engine.context.term.refresh();
    engine.outage("postgres");
    await expect(readForUpdate(engine.context, items, "a", operation())).rejects.toMatchObject({
      name: "AuthorityReadError",
      store: "postgres",
      cause: { code: "ECONNREFUSED" },
    });
  });
});
