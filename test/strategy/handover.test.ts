/** The steps of a handover, each stopped at, repeated, and finished by another. */
import { describe, expect, test } from "vitest";
import { handOver } from "../../src/strategy/handover.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { add, away, fail, onVirtualTime, write } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");

async function reigning(authority: "redis" | "postgres" = "redis") {
  const engine = await new FleetFixture().reign(authority, 3);
  await engine[authority].store.writeRecords(items, 3, [write("a", { bytes: RED, operationId: "once" })]);
  await engine[authority].store.addToCounters(counts, 3, [add("a", 3)]);
  return engine;
}

describe.each([
  ["redis", "postgres"],
  ["postgres", "redis"],
] as const)("from %s to %s", (from, to) => {
  test("carries over everything, with its operation ids, and opens the next term", async () => {
    const engine = await reigning(from);
    expect(await handOver(engine.fleet, from, 3)).toEqual({ done: true, term: 4 });
    expect(engine.fences).toMatchObject({
      [from]: expect.stringMatching(/^mirror 4/),
      [to]: expect.stringMatching(/^authority 4/),
    });
    expect(engine.context.term.reign).toEqual({ term: 4, authority: to });
    expect((await engine[to].store.readRecords(items, ["a"])).held[0]).toMatchObject({
      bytes: RED,
      operations: ["once"],
    });
    expect((await engine[to].store.readCounters(counts, ["a"])).held[0]).toMatchObject({ [`${from}Part`]: 3 });
    expect(await engine[from].store.readLog(items, 10)).toEqual([]);
  });

  test("waits for a process that knows every collection of which something is logged, unless it is forced", async () => {
    const engine = await reigning(from);
    const part = { ...engine.fleet, collections: [counts] };
    const waitingFor = "a process that knows contract_items, which has a repair log to work off";
    expect(await handOver(part, from, 3)).toEqual({ done: false, waitingFor });
    expect(engine.fences[from]).toBe("authority 3 complete");
    // Something of another one came before the old store was closed.
    engine.after(`${from}.loggedCollections`, () => engine.servers[from].control.log("others", "o", 1, 10));
    expect(await handOver(engine.fleet, from, 3)).toMatchObject({ done: false, waitingFor: /knows others,/ });
    expect(engine.fences[from]).toBe("closed 3 complete");
    expect(engine.fences[to]).toBe("mirror 3 complete");
    engine.servers[from].control.logs.delete("others");
    expect(await handOver(part, from, 3)).toMatchObject({ done: true });
  });

  test("is forced past a collection that nobody knows any more", async () => {
    const engine = await reigning(from);
    engine.servers[from].control.overflowed.set("others", "1");
    expect(await handOver(engine.fleet, from, 3)).toMatchObject({ done: false, waitingFor: /knows others,/ });
    expect(await handOver(engine.fleet, from, 3, { forced: true })).toEqual({ done: true, term: 4 });
  });

  test("is finished by whoever finds the old one closed", async () => {
    const engine = await reigning(from);
    await engine[from].store.closeFence(3);
    expect(await handOver(engine.fleet, from, 3)).toEqual({ done: true, term: 4 });
  });

  test("isn't made past a full log that left out entries, unless it is forced", async () => {
    const engine = await reigning(from);
    engine.servers[from].control.overflowed.set(items.name, "1");
    expect(await handOver(engine.fleet, from, 3)).toMatchObject({
      done: false,
      waitingFor: `a copy of what the full repair log of ${items.name} left out`,
    });
    expect(engine.fences[from]).toMatch(/^authority 3/);
    expect(await handOver(engine.fleet, from, 3, { forced: true })).toEqual({ done: true, term: 4 });
  });

  test("isn't put off by traffic that a slow store keeps in the log", async () => {
    const engine = await reigning(from);
    await new Promise((resolve) => setTimeout(resolve, 100));
    let written = 0;
    // Each batch takes longer than an entry needs to count as left behind, and another one has come by then.
    engine.whenever(`${to}.applyRecords`, async () => {
      if (written++ < 50) await engine[from].store.writeRecords(items, 3, [write(`more-${written}`, { bytes: RED })]);
      await new Promise((resolve) => setTimeout(resolve, 100));
    });
    expect(await handOver(engine.fleet, from, 3)).toEqual({ done: true, term: 4 });
    expect(written).toBeLessThan(6);
    expect((await engine[to].store.readRecords(items, ["more-1"])).held[0]).toMatchObject({ kind: "value" });
  });

  test("stops where the next one doesn't answer, with the old one still open", async () => {
    const engine = await reigning(from);
    engine.outage(to);
    await expect(handOver(engine.fleet, from, 3)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(engine.fences[from]).toMatch(/^authority 3/);
  });

  test("opens nothing while the log can't be worked off, and is finished once it can", async () => {
    const engine = await reigning(from);
    let down = true;
    engine.whenever(`${to}.applyCounters`, () => {
      if (down && engine.fences[from].startsWith("closed")) throw away();
    });
    await expect(handOver(engine.fleet, from, 3)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(engine.fences).toMatchObject({
      [from]: expect.stringMatching(/^closed 3/),
      [to]: expect.stringMatching(/^mirror 3/),
    });
    down = false;
    expect(await handOver(engine.fleet, from, 3)).toEqual({ done: true, term: 4 });
  });

  test("ends where another process is in a later term already", async () => {
    const engine = await reigning(from);
    await engine[from].store.raiseFence(4);
    expect(await handOver(engine.fleet, from, 3)).toEqual({
      done: false,
      waitingFor: "the term that another process has begun",
    });
    expect(engine.fences[to]).toMatch(/^mirror 3/);
  });

  test("opens nothing where the next one knows a later term", async () => {
    const engine = await reigning(from);
    engine.before(`${to}.openFence`, () => engine.setFence(to, { term: 5, role: "mirror" }));
    expect(await handOver(engine.fleet, from, 3)).toEqual({
      done: false,
      waitingFor: "the term that another process has begun",
    });
    expect(engine.fences).toMatchObject({
      [from]: expect.stringMatching(/^closed 3/),
      [to]: expect.stringMatching(/^mirror 5/),
    });
  });

  test("is done although the old one goes away at the very end", async () => {
    const engine = await reigning(from);
    engine.whenever(`${from}.raiseFence`, fail(away()));
    expect(await handOver(engine.fleet, from, 3)).toEqual({ done: true, term: 4 });
    expect(engine.fences[from]).toMatch(/^closed 3/);
  });
});

test("carries a write that came after the first round, before it closed", async () => {
  const engine = await reigning();
  engine.before("redis.closeFence", async () => {
    await engine.redis.store.writeRecords(items, 3, [write("late", { bytes: BLUE })]);
  });
  expect(await handOver(engine.fleet, "redis", 3)).toMatchObject({ done: true });
  expect((await engine.postgres.store.readRecords(items, ["late"])).held[0]).toMatchObject({ bytes: BLUE });
});

test("carries a bypass writer's delete that came as it closed, as the delete of what he deleted", async () => {
  const engine = await reigning();
  engine.before("redis.closeFence", async () => {
    await engine.redis.store.writeRecords(items, 3, [write("late", { bytes: BLUE })]);
    engine.servers.redis.bypassDel(items.redisKey("late"));
  });
  expect(await handOver(engine.fleet, "redis", 3)).toMatchObject({ done: true });
  expect((await engine.postgres.store.readRecords(items, ["late"])).held[0]).toMatchObject({ kind: "tombstone" });
});

test("has the log worked off while writes go on, but for what is in motion, so that the pause is short", async () => {
  const engine = await reigning();
  let inLog = -1;
  const now = Date.now();
  engine.servers.redis.clock = () => now + 1000;
  engine.before("redis.closeFence", async () => {
    inLog =
      (await engine.redis.store.readLog(items, 10)).length + (await engine.redis.store.readLog(counts, 10)).length;
  });
  await handOver(engine.fleet, "redis", 3);
  expect(inLog).toBe(0);
  const young = await new FleetFixture().reign("redis", 3);
  young.servers.redis.clock = () => now;
  await young.redis.store.writeRecords(items, 3, [write("a")]);
  young.before("redis.closeFence", async () => {
    inLog = (await young.redis.store.readLog(items, 10)).length;
  });
  await handOver(young.fleet, "redis", 3);
  expect(inLog).toBe(1);
});

test("adopts what bypass writers changed while the old authority still works", async () => {
  const engine = await reigning();
  const now = Date.now();
  engine.servers.redis.clock = () => now + 1000;
  engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
  await handOver(engine.fleet, "redis", 3);
  expect((await engine.postgres.store.readRecords(items, ["a"])).held[0]).toMatchObject({ bytes: BLUE });
  expect((await engine.redis.store.inspectRecords(items, ["a"])).held[0]).toMatchObject({ bypass: false });
});

test("sets aside what the next authority refuses for good, and goes on", async () => {
  const engine = await reigning();
  const bad = Buffer.from("[1");
  await engine.redis.store.writeRecords(items, 3, [write("bad", { bytes: bad })]);
  expect(await handOver(engine.fleet, "redis", 3)).toMatchObject({ done: true });
  expect(engine.setAside).toMatchObject([
    { collection: items.name, key: items.redisKey("bad"), value: bad, source: "drain" },
  ]);
});

test("waits where the log of a collection can't be worked off", async () => {
  const engine = await reigning();
  // Entries come as fast as they go: the mirror claims to hold an older state each time.
  const { control } = engine.servers.redis;
  engine.before("redis.closeFence", () => engine.setFence("postgres", { term: 9 }));
  expect(await handOver(engine.fleet, "redis", 3)).toEqual({
    done: false,
    waitingFor: `the repair log of ${items.name}, which can't be worked off now`,
  });
  expect(control.fence?.role).toBe("closed");
});

test("is left to a process that is connected to both stores", async () => {
  const engine = await reigning("postgres");
  const fleet = { ...engine.fleet, redis: null };
  for (const from of ["redis", "postgres"] as const)
    expect(await handOver(fleet, from, 3)).toEqual({
      done: false,
      waitingFor: "a process that is connected to both stores",
    });
  expect(engine.fences.postgres).toMatch(/^authority 3/);
});
