/** Filling Redis from Postgres: all or nothing, in one term and one unbroken memory. */
import { describe, expect, test } from "vitest";
import { refillRedis } from "../../src/strategy/refill.js";
import { counts, item, items, RED_SET } from "../contract/contract-collections.js";
import { counterState, recordState } from "../contract/contract-harness.js";
import { cutOff, fail, onVirtualTime } from "../engine/engine-fixture.js";
import { isComplete } from "../memory/control.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

/** Postgres reigns in term 3 and holds a value, a delete and a count; Redis lost its memory. */
async function lost(): Promise<FleetFixture> {
  const engine = await new FleetFixture().reign("redis", 1);
  await engine.postgres.store.applyRecords(items, 1, [
    { id: "a", state: recordState({ stamp: 1001, bytes: item("red") }) },
    { id: "gone", state: recordState({ stamp: 1003, bytes: null }) },
  ]);
  await engine.postgres.store.applyCounters(counts, 1, [{ id: "c", state: counterState({ postgresPart: 5 }) }]);
  engine.setFence("postgres", { role: "authority", term: 3 });
  engine.servers.redis.flush();
  await claim(engine, 3);
  return engine;
}
const claim = (engine: FleetFixture, term: number) =>
  engine.redis.store.claimMemory({ term, role: "mirror", complete: false, agreed: true });

describe("a Redis that lost its memory", () => {
  test("is complete once it was told every value, delete and count", async () => {
    const engine = await lost();
    const told: number[] = [];
    expect(await refillRedis(engine.fleet, 3, { progress: (copied) => told.push(copied) })).toBe("done");
    expect(engine.fences.redis).toBe("mirror 3 complete");
    expect((await engine.redis.store.readRecords(items, ["a", "gone"])).held).toMatchObject([
      { kind: "value", bytes: item("red"), stamp: 1001 },
      { kind: "tombstone", stamp: 1003 },
    ]);
    expect((await engine.redis.store.readCounters(counts, ["c"])).held).toMatchObject([{ postgresPart: 5 }]);
    expect(told.at(-1)).toBe(3);
  });

  test("is told what expired too, so that a repetition counts once, and the next generation is above it", async () => {
    const engine = await lost();
    const expiresAt = engine.servers.redis.now() - 1;
    const over = counterState({ generation: 7, redisPart: 5, expiresAt, operations: ["once"] });
    await engine.postgres.store.applyCounters(counts, 3, [{ id: "over", state: over }]);
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
    expect((await engine.redis.store.readCounters(counts, ["over"])).held).toMatchObject([
      { kind: "absent", last: { generation: 7, operations: ["once"] } },
    ]);
  });

  test("isn't complete for a collection of which it refused something, and is for the others", async () => {
    const engine = await lost();
    const told: string[] = [];
    engine.context.events.on("rejected", ({ collection }) => told.push(collection));
    engine.servers.redis.bypassSet(RED_SET, Buffer.from("odd"));
    expect(await refillRedis(engine.fleet, 3)).toBe("refused");
    expect(told).toEqual([items.name, items.name]);
    const { fence } = engine.servers.redis.control;
    expect(fence && [items, counts].map(({ name }) => isComplete(fence, name))).toEqual([false, true]);
    engine.servers.redis.bypassDel(RED_SET);
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
    expect(engine.fences.redis).toBe("mirror 3 complete");
    expect((await engine.redis.store.readRecords(items, ["a"])).held).toMatchObject([{ kind: "value" }]);
  });

  test("is filled by one process at a time, and the next one need not wait", async () => {
    const engine = await lost();
    let other: unknown;
    engine.before("redis.applyRecords", async () => {
      other = await refillRedis({ ...engine.fleet, processId: "p2" } as FleetFixture["fleet"], 3);
    });
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
    expect(other).toBe("busy");
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
  });

  test("is held up for some seconds by a process that died at it", async () => {
    const engine = await lost();
    engine.after("redis.claimTask", fail(cutOff()));
    await expect(refillRedis(engine.fleet, 3)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await refillRedis(engine.fleet, 3)).toBe("busy");
    await new Promise((resolve) => setTimeout(resolve, 5100));
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
  });

  test("stays with a process whose stores are slow", async () => {
    const engine = await lost();
    const slowly = () => new Promise((resolve) => setTimeout(resolve, 4500));
    for (const method of ["postgres.pageRecords", "redis.applyRecords"] as const) engine.whenever(method, slowly);
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
  });

  test("isn't complete where the term moved on meanwhile", async () => {
    for (const method of ["applyRecords", "applyCounters", "setCompleteInTerm"]) {
      const engine = await lost();
      engine.before(`redis.${method}`, () => claim(engine, 4));
      expect(await refillRedis(engine.fleet, 3), method).toBe("fenced");
      expect(engine.fences.redis).toBe("mirror 4 incomplete bare trusted");
    }
  });

  test("isn't complete where it lost its memory again, although a late claim brought the same term back", async () => {
    for (const method of ["applyRecords", "applyCounters", "setCompleteInTerm"]) {
      const engine = await lost();
      engine.before(`redis.${method}`, async () => {
        engine.servers.redis.flush();
        await claim(engine, 2);
        await engine.redis.store.raiseFence(3);
      });
      expect(await refillRedis(engine.fleet, 3), method).toBe("fenced");
      expect(engine.fences.redis).toBe("mirror 3 incomplete bare trusted");
    }
  });

  test("is left as it is when its filling is stopped, and can be filled by the next at once", async () => {
    const engine = await lost();
    const abort = new AbortController();
    engine.after("redis.applyRecords", () => abort.abort(new Error("stopped")));
    await expect(refillRedis(engine.fleet, 3, { signal: abort.signal })).rejects.toThrow("stopped");
    expect(engine.fences.redis).toBe("mirror 3 incomplete bare trusted");
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
  });
});

test("an index is whole again only where Postgres has everything", async () => {
  for (const complete of [true, false]) {
    const engine = await lost();
    engine.setFence("postgres", { complete });
    expect(await refillRedis(engine.fleet, 3)).toBe("done");
    expect(await engine.redis.store.findByIndex(items, "color", "red")).toMatchObject({ ids: ["a"], complete });
  }
});

test("a process without Redis has nothing to fill", async () => {
  const engine = await lost();
  expect(await refillRedis({ ...engine.fleet, redis: null }, 3)).toBe("done");
  expect(engine.fences.redis).toBe("mirror 3 incomplete bare trusted");
});
