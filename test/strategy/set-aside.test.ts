/** The stamps by which the rejects list knows which of two looks at a record is the later one. */
import { expect, test } from "vitest";
import { drainAll } from "../../src/engine/drain.js";
import { retrySetAside, setAside } from "../../src/strategy/set-aside.js";
import { item, items } from "../contract/contract-collections.js";
import { onVirtualTime, write } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const KEY = items.redisKey("a");

/** Redis has acknowledged "a", and Postgres refuses whatever it is sent. */
async function refusing() {
  const engine = await new FleetFixture().reign("redis", 3);
  await engine.context.term.refresh();
  engine.servers.postgres.refuses = () => "a check";
  return engine;
}

async function put(engine: FleetFixture, colour: string): Promise<number> {
  const reply = await engine.redis.store.writeRecords(items, 3, [write("a", { bytes: item(colour) })]);
  const [written] = reply.fenced ? [] : reply.results;
  if (written?.kind !== "written") throw new Error("It has to be written.");
  return written.state.stamp;
}

/** Until what is refused is set aside. */
async function drain({ context, redis, postgres, fleet }: FleetFixture): Promise<void> {
  await drainAll(context, items, redis, postgres, { term: 3, adopt: true, refuse: setAside(fleet) });
}

test("a drain sets aside with the stamp of the state that was refused", async () => {
  const engine = await refusing();
  const stamp = await put(engine, "red");
  await drain(engine);
  expect(engine.setAside).toEqual([
    { collection: items.name, key: KEY, reason: "a check", value: item("red"), source: "drain", stamp },
  ]);
});

test("sending again gives up the place of what was sent, not of what is set aside meanwhile", async () => {
  const engine = await refusing();
  await put(engine, "red");
  await drain(engine);
  engine.servers.postgres.refuses = () => null;
  const sent = await put(engine, "green");
  engine.after("postgres.applyRecords", async () => {
    engine.servers.postgres.refuses = () => "a check";
    await put(engine, "blue");
    await drain(engine);
  });
  expect(await retrySetAside(engine.fleet, items, ["a"])).toEqual([{ id: "a", outcome: "sent" }]);
  expect(engine.takenBack).toEqual([{ key: KEY, stamp: sent }]);
  expect(engine.setAside.at(-1)?.stamp).toBeGreaterThan(sent);
});

test("what nothing is known of any more is let go with the place that it had when the list was read", async () => {
  const engine = await new FleetFixture().reign("postgres", 3);
  engine.setAside.push({ collection: items.name, key: KEY, reason: "a check", value: null, source: "drain", stamp: 7 });
  expect(await retrySetAside(engine.fleet, items, ["a"])).toEqual([{ id: "a", outcome: "gone" }]);
  expect(engine.takenBack).toEqual([{ key: KEY, stamp: 7 }]);
});

test("what isn't readable now is refused again, under the stamp that its place has", async () => {
  const engine = await refusing();
  const stamp = await put(engine, "red");
  await drain(engine);
  engine.servers.redis.bypassDel(KEY);
  engine.servers.redis.bypassAddMember(KEY, "member");
  expect(await retrySetAside(engine.fleet, items, ["a"])).toMatchObject([{ id: "a", outcome: "refused" }]);
  expect(engine.setAside.at(-1)).toMatchObject({ value: null, stamp });
});
