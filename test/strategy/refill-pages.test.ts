/** Filling Redis page by page: all of them, nothing where there is nothing to tell, and no further one once the term moved on. */
import { expect, test } from "vitest";
import { refillRedis } from "../../src/strategy/refill.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { counterState, recordState } from "../contract/contract-harness.js";
import { onVirtualTime } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const PAGE = 500;

/** Postgres reigns in term 3 and holds so many records and counters, which Redis doesn't know of. */
async function holding(size: number): Promise<FleetFixture> {
  const engine = await new FleetFixture().reign("postgres", 3, ["redis"]);
  const ids = Array.from({ length: size }, (_, n) => `id${n}`);
  const records = ids.map((id) => ({ id, state: recordState({ stamp: 1001, bytes: item("red") }) }));
  await engine.postgres.store.applyRecords(items, 3, records);
  const counters = ids.map((id) => ({ id, state: counterState({ postgresPart: 5 }) }));
  await engine.postgres.store.applyCounters(counts, 3, counters);
  return engine;
}

test.each([PAGE, PAGE + 1])("%i records and as many counters are all told", async (size) => {
  const engine = await holding(size);
  const told: number[] = [];
  expect(await refillRedis(engine.fleet, 3, { progress: (copied) => told.push(copied) })).toBe("done");
  expect(told.at(-1)).toBe(2 * size);
  expect((await engine.redis.store.findByIndex(items, "color", "red")).ids).toHaveLength(size);
  const { held } = await engine.redis.store.readCounters(counts, ["id0", `id${size - 1}`]);
  expect(held).toMatchObject([{ postgresPart: 5 }, { postgresPart: 5 }]);
});

test("a copied value that nobody wrote since and that expired is nothing to tell", async () => {
  const engine = await holding(1);
  const bare = recordState({ stamp: 0, bytes: item("red"), expiresAt: 1 });
  await engine.postgres.store.applyRecords(items, 3, [{ id: "over", state: bare }]);
  const told: number[] = [];
  expect(await refillRedis(engine.fleet, 3, { progress: (copied) => told.push(copied) })).toBe("done");
  expect(told.at(-1)).toBe(2);
});

test("only records get an index", async () => {
  const engine = await holding(1);
  await refillRedis(engine.fleet, 3);
  expect([...engine.servers.redis.memory.indexed]).toEqual([items.name]);
});

test.each([
  ["redis.applyRecords", "postgres.pageCounters"],
  ["redis.applyCounters", "redis.setCompleteInTerm"],
] as const)("a term that moved on before %s ends it at once, before %s", async (method, next) => {
  const engine = await holding(1);
  engine.before(method, () => engine.redis.store.raiseFence(4));
  expect(await refillRedis(engine.fleet, 3)).toBe("fenced");
  expect(engine.called(next)).toBe(0);
});

test("a claim that was lost with Redis's memory ends it before the next page", async () => {
  const engine = await holding(1);
  engine.before("redis.applyRecords", async () => {
    engine.servers.redis.memory.tasks.clear();
    await new Promise((resolve) => setTimeout(resolve, 2000));
  });
  expect(await refillRedis(engine.fleet, 3)).toBe("fenced");
  expect(engine.called("postgres.pageCounters")).toBe(0);
});
