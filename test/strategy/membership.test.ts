/** Leases: whom a process sees, what it does without Redis, and that nothing is left of one that left. */
import { expect, test } from "vitest";
import type { Lease } from "../../src/stores/store.js";
import { liveLeases, Membership } from "../../src/strategy/membership.js";
import { away, fail, onVirtualTime } from "../engine/engine-fixture.js";
import { lease } from "./crossing-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const membershipOf = (engine: FleetFixture, processId = "p1", redis = engine.fleet.redis) =>
  new Membership(
    () => ({ ...engine.fleet, processId, redis }),
    () => lease(processId, "POSTGRES_PRIMARY"),
  );

test("the others are all who are alive but oneself, and those whose strategy this version doesn't know", async () => {
  const engine = await new FleetFixture().reign("postgres");
  for (const processId of ["p1", "p2", "p3"]) await membershipOf(engine, processId).renew();
  const unknown = { ...lease("p4", "POSTGRES_PRIMARY"), strategy: "BOTH_AT_ONCE" } as Lease;
  await engine.postgres.store.putLease(unknown, 10_000);
  const others = await membershipOf(engine).others();
  expect(others.map(({ processId }) => processId)).toEqual(["p2", "p3"]);
});

test("a process without Redis is seen, sees the others and leaves through Postgres", async () => {
  const engine = await new FleetFixture().reign("postgres");
  const membership = membershipOf(engine, "p1", null);
  await membership.renew();
  await membershipOf(engine, "p2").renew();
  expect(await liveLeases(engine.fleet)).toMatchObject([{ processId: "p1" }, { processId: "p2" }]);
  expect(await liveLeases({ ...engine.fleet, redis: null })).toHaveLength(2);
  expect(await membership.others()).toMatchObject([{ processId: "p2" }]);
  await membership.leave();
  expect(await liveLeases(engine.fleet)).toMatchObject([{ processId: "p2" }]);
});

test.each([
  ["after its work", async () => {}],
  ["after work that failed", fail(away())],
  ["while its lease was being renewed", () => pause(2600)],
])("a process that leaves %s isn't brought back", async (_, work) => {
  const engine = await new FleetFixture().reign("postgres");
  const membership = membershipOf(engine);
  await membership.renew();
  engine.whenever("postgres.putLease", () => pause(500));
  await membership.keptDuring(Promise.resolve().then(work)).catch(() => {});
  await membership.leave();
  await pause(4000);
  expect(await liveLeases(engine.fleet)).toEqual([]);
});
