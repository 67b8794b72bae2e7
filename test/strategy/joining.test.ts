/** Joining a fleet: the lease is written before the others' are looked at, and no more often than it says something new. */
import { expect, test } from "vitest";
import { Fleet } from "../../src/strategy/fleet.js";
import { onVirtualTime } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

async function joined() {
  const engine = await new FleetFixture().reign("redis");
  const fleet = new Fleet(() => engine.fleet, "REDIS_PRIMARY", { host: "here", pid: 1 });
  engine.calls.length = 0;
  await fleet.join();
  const told = () => engine.calls.filter((call) => call.endsWith("putLease")).length;
  return { engine, fleet, told };
}

test("a process registers in both stores, then looks", async () => {
  const { engine } = await joined();
  expect(engine.calls.map((call) => call.split(".")[1])).toEqual(["putLease", "putLease", "readLeases", "readLeases"]);
});

test("its first look doesn't write the lease again, each later one does", async () => {
  const { fleet, told } = await joined();
  await fleet.tick();
  expect(told()).toBe(2);
  await fleet.tick();
  expect(told()).toBe(4);
  await fleet.stop();
});

test("a strategy that it follows since it joined is told by the first look", async () => {
  const { engine, fleet } = await joined();
  fleet.follow("DUAL_WRITE");
  await fleet.tick();
  for (const store of [engine.redis.store, engine.postgres.store])
    expect(await store.readLeases()).toMatchObject([{ strategy: "DUAL_WRITE" }]);
  await fleet.stop();
});
