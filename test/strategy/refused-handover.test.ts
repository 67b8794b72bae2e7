/** A handover that finds, once nothing is admitted any more, that the next authority refused something for good. */
import { expect, test } from "vitest";
import { handOver } from "../../src/strategy/handover.js";
import { item, items } from "../contract/contract-collections.js";
import { away, onVirtualTime, write } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const RED = item("red");

/** Postgres refuses the record "a", which Redis has acknowledged; the list of what was set aside is known to the gate. */
async function refusing() {
  const engine = await new FleetFixture().reign("redis", 3);
  engine.servers.postgres.refuses = (_collection, id) => (id === "a" ? "a check of the table's own" : null);
  engine.fleet.evidence.setAside = async (rejects) => {
    engine.setAside.push(...rejects);
    engine.knows(items.name, { rejects: 1, refused: 1 });
  };
  await engine.redis.store.writeRecords(items, 3, [write("a", { bytes: RED })]);
  return engine;
}

test("is taken back: the old authority goes on with what it acknowledged, in a term of its own", async () => {
  const engine = await refusing();
  const result = await handOver(engine.fleet, "redis", 3);
  expect(result).toEqual({
    done: false,
    waitingFor: expect.stringContaining(`what postgres refused of ${items.name}`),
  });
  expect(engine.fences).toMatchObject({
    redis: expect.stringMatching(/^authority 4/),
    postgres: expect.stringMatching(/^mirror 4/),
  });
  expect((await engine.redis.store.readRecords(items, ["a"])).held).toMatchObject([{ kind: "value", bytes: RED }]);
  expect(engine.setAside).toMatchObject([{ key: items.redisKey("a"), value: RED }]);
});

test("goes through if it is forced", async () => {
  const engine = await refusing();
  expect(await handOver(engine.fleet, "redis", 3, { forced: true })).toEqual({ done: true, term: 4 });
});

test("goes through on the way to Redis, which has what only Postgres couldn't take", async () => {
  const engine = await new FleetFixture().reign("postgres", 3);
  engine.knows(items.name, { rejects: 1 });
  expect(await handOver(engine.fleet, "postgres", 3)).toEqual({ done: true, term: 4 });
});

test("that was being taken back when its runner died is taken back by whoever finds it, whatever was put right since", async () => {
  const engine = await refusing();
  engine.before("redis.openFence", () => {
    throw away();
  });
  await expect(handOver(engine.fleet, "redis", 3)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(engine.fences).toMatchObject({
    redis: expect.stringMatching(/^closed 3/),
    postgres: expect.stringMatching(/^mirror 4/),
  });
  engine.knows(items.name, {});
  expect(await handOver(engine.fleet, "redis", 3)).toMatchObject({ done: false });
  expect(engine.fences.redis).toMatch(/^authority 4/);
});

test("isn't taken back once another process has opened the next authority", async () => {
  const engine = await refusing();
  engine.before("postgres.raiseFence", () => engine.setFence("postgres", { term: 4, role: "authority" }));
  expect(await handOver(engine.fleet, "redis", 3)).toEqual({
    done: false,
    waitingFor: "the term that another process has begun",
  });
  expect(engine.fences.redis).toMatch(/^closed 3/);
});
