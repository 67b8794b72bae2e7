/** Sending again what was set aside, and has expired since under a later state that the mirror took. */
import { expect, test } from "vitest";
import { retrySetAside } from "../../src/strategy/set-aside.js";
import { item, items } from "../contract/contract-collections.js";
import { onVirtualTime, write } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

test("gives its place on the list up: the mirror holds that very state, as what expired", async () => {
  const engine = await new FleetFixture().reign("redis", 3);
  await engine.context.term.refresh();
  const expiresAt = (await engine.redis.store.now()) + 100;
  const reply = await engine.redis.store.writeRecords(items, 3, [write("a", { bytes: item("red"), expiresAt })]);
  const written = reply.fenced ? undefined : reply.results[0];
  if (written?.kind !== "written") throw new Error("It has to be written.");
  await engine.postgres.store.applyRecords(items, 3, [{ id: "a", state: written.state }]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await retrySetAside(engine.fleet, items, ["a"])).toEqual([{ id: "a", outcome: "sent" }]);
  expect(engine.takenBack).toEqual([{ key: items.redisKey("a"), stamp: written.state.stamp }]);
});
