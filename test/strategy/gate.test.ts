/** Each check of the gate: what it asks, with which figure it fails, and what it doesn't look at. */
import { describe, expect, test, vi } from "vitest";
import type { GateCheck } from "../../src/errors.js";
import type { StoreName } from "../../src/stores/state.js";
import type { Lease } from "../../src/stores/store.js";
import { checkGate } from "../../src/strategy/gate.js";
import { counts, item, items } from "../contract/contract-collections.js";
import { add, never, onVirtualTime, write } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const DAY_MS = 24 * 60 * 60 * 1000;
const lease = (processId: string, strategy: string): Lease => ({ processId, strategy, stage: 0, host: "host", pid: 7 });

async function check(
  engine: FleetFixture,
  to: StoreName = "postgres",
  leases: readonly Lease[] = [],
): Promise<Map<string, GateCheck>> {
  const checks = await checkGate(engine.fleet, to, leases, ({ strategy }) => strategy === "OLD");
  return new Map(checks.map((one) => [one.name, one]));
}
const failed = (checks: ReadonlyMap<string, GateCheck>) =>
  [...checks.values()].filter(({ passed }) => !passed).map(({ name }) => name);
const of = (checks: ReadonlyMap<string, GateCheck>, name: string) => checks.get(name) as GateCheck;

/** Redis reigns, all is copied and was verified an hour ago. */
async function ready() {
  const engine = await new FleetFixture().reign("redis");
  for (const { name } of [items, counts])
    engine.knows(name, {
      backfilledAt: new Date("2026-01-01T00:00:00Z"),
      verifiedAt: new Date(Date.now() - 3_600_000),
      verifiedClean: true,
    });
  return engine;
}

test("passes where everything is in order, and says each figure and what one could do", async () => {
  const checks = await check(await ready());
  expect(failed(checks)).toEqual([]);
  for (const name of [items.name, counts.name]) {
    expect(of(checks, `${name}: backfill complete`).figure).toBe("finished 2026-01-01T00:00:00.000Z");
    expect(of(checks, `${name}: clean verify`).figure).toBe("clean, 60 minutes ago");
    expect(of(checks, `${name}: no unexplained divergence`).figure).toBe("0 since the last verify");
  }
  expect(of(checks, "repair log worked off").figure).toBe("0 entries");
  expect(of(checks, "repair log whole").figure).toBe("no entries were left out");
  expect(of(checks, "nobody on the old side").figure).toBe("no process");
  expect(of(checks, "rollback possible").figure).toBe("Redis answers");
  for (const { remedy } of checks.values()) expect(remedy).not.toBe("");
});

describe("to Postgres it refuses", () => {
  test("a collection that was never copied", async () => {
    const engine = await ready();
    await engine.postgres.store.setComplete(null, false);
    engine.knows(items.name, { verifiedAt: new Date(), verifiedClean: true });
    const checks = await check(engine);
    expect(failed(checks)).toEqual([`${items.name}: backfill complete`]);
    expect(of(checks, `${items.name}: backfill complete`).figure).toBe("never finished");
  });

  test("a verify that found differences, or is older than a day, or never was", async () => {
    const engine = await ready();
    const backfilledAt = new Date();
    const name = `${items.name}: clean verify`;
    vi.setSystemTime(Date.UTC(2026, 5, 5));
    engine.knows(items.name, { backfilledAt, verifiedAt: new Date(), verifiedClean: false });
    expect(of(await check(engine), name)).toMatchObject({ passed: false, figure: "with differences, 0 minutes ago" });
    engine.knows(items.name, { backfilledAt, verifiedAt: new Date(Date.now() - DAY_MS), verifiedClean: true });
    expect(of(await check(engine), name)).toMatchObject({ passed: true, figure: "clean, 1440 minutes ago" });
    engine.knows(items.name, { backfilledAt, verifiedAt: new Date(Date.now() - DAY_MS - 1), verifiedClean: true });
    expect(of(await check(engine), name)).toMatchObject({ passed: false });
    engine.knows(items.name, { backfilledAt });
    expect(of(await check(engine), name)).toMatchObject({ passed: false, figure: "never verified" });
  });

  test("a verify by its age for Postgres, whatever the clock of this process says", async () => {
    const engine = await ready();
    const now = Date.now();
    engine.postgres.store.now = async () => now;
    const name = `${items.name}: clean verify`;
    const verified = (agoMs: number) =>
      engine.knows(items.name, { backfilledAt: new Date(), verifiedAt: new Date(now - agoMs), verifiedClean: true });
    verified(2 * DAY_MS);
    vi.setSystemTime(now - 2 * DAY_MS);
    expect(of(await check(engine), name)).toMatchObject({ passed: false, figure: "clean, 2880 minutes ago" });
    verified(0);
    vi.setSystemTime(now + 2 * DAY_MS);
    expect(of(await check(engine), name)).toMatchObject({ passed: true, figure: "clean, 0 minutes ago" });
  });

  test("a divergence since the last verify", async () => {
    const engine = await ready();
    engine.knows(items.name, {
      backfilledAt: new Date(),
      verifiedAt: new Date(),
      verifiedClean: true,
      divergencesSinceVerify: 2,
    });
    const checks = await check(engine);
    expect(failed(checks)).toEqual([`${items.name}: no unexplained divergence`]);
    expect(of(checks, `${items.name}: no unexplained divergence`).figure).toBe("2 since the last verify");
  });

  test("a long repair log of Redis's, but not what is in motion", async () => {
    const engine = await ready();
    const entries = (n: number, from = 0) =>
      Promise.all(
        Array.from({ length: n }, (_, i) => engine.redis.store.addToCounters(counts, 1, [add(`c${from + i}`)])),
      );
    await engine.redis.store.writeRecords(items, 1, [write("a")]);
    await entries(99);
    expect(failed(await check(engine))).toEqual([]);
    expect(of(await check(engine), "repair log worked off").figure).toBe("100 entries");
    await entries(1, 99);
    expect(failed(await check(engine))).toEqual(["repair log worked off"]);
  });

  test("what was set aside: on the way to Postgres all of it, on the way back what Redis refused", async () => {
    const engine = await ready();
    const name = `${items.name}: nothing set aside`;
    const known = { backfilledAt: new Date(), verifiedAt: new Date(), verifiedClean: true };
    engine.knows(items.name, { ...known, rejects: 2, refused: 0 });
    expect(of(await check(engine), name)).toMatchObject({
      passed: false,
      figure: expect.stringMatching(/^2 set aside/),
    });
    expect(of(await check(engine, "redis"), name)).toMatchObject({ passed: true, figure: "no record" });
    engine.knows(items.name, { ...known, rejects: 0, refused: 1 });
    expect(of(await check(engine), name)).toMatchObject({ passed: true });
    expect(of(await check(engine, "redis"), name)).toMatchObject({ passed: false });
  });

  test("a repair log that left entries out", async () => {
    const engine = await ready();
    engine.servers.redis.control.overflowed.set(counts.name, "mark");
    const checks = await check(engine);
    expect(failed(checks)).toEqual(["repair log whole"]);
    expect(of(checks, "repair log whole").figure).toBe(`overflowed for ${counts.name}`);
  });

  test("while processes are on the old side, by name", async () => {
    const checks = await check(await ready(), "postgres", [lease("p2", "OLD"), lease("p3", "NEW")]);
    expect(failed(checks)).toEqual(["nobody on the old side"]);
    expect(of(checks, "nobody on the old side").figure).toBe("1 processes (host:7 OLD)");
  });

  test("while the way back is cut off", async () => {
    const engine = await ready();
    engine.whenever("redis.now", never);
    const checks = await check(engine);
    expect(failed(checks)).toEqual(["rollback possible"]);
    expect(of(checks, "rollback possible").figure).toBe("Redis doesn't answer");
    const without = await checkGate({ ...engine.fleet, redis: null }, "postgres", [], () => false);
    expect(without.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual(["rollback possible"]);
  });
});

describe("a keyspace that was empty at the start", () => {
  async function born() {
    const engine = await new FleetFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a"), write("b", { bytes: null })]);
    await engine.redis.store.addToCounters(counts, 1, [add("a")]);
    return engine;
  }

  test("needs no backfill and no verify where everything went through the library", async () => {
    const checks = await check(await born());
    expect(failed(checks)).toEqual([]);
    expect(of(checks, `${items.name}: backfill complete`).figure).toBe("nothing was there before");
    expect(of(checks, `${items.name}: clean verify`).figure).toBe("never verified");
  });

  test("needs a verify once something bypassed the library", async () => {
    const engine = await born();
    engine.servers.redis.bypassSet(items.redisKey("c"), item("red"));
    expect(failed(await check(engine))).toEqual([`${items.name}: clean verify`]);
    const other = await born();
    other.servers.redis.bypassIncr(counts.redisKey("a"));
    expect(failed(await check(other))).toEqual([`${counts.name}: clean verify`]);
    const odd = await born();
    odd.servers.redis.bypassAddMember(items.redisKey("c"), "member");
    expect(failed(await check(odd))).toEqual([`${items.name}: clean verify`]);
  });

  test("isn't looked through once it was verified or copied, which then decides", async () => {
    const engine = await born();
    engine.knows(items.name, { verifiedAt: new Date(), verifiedClean: false });
    engine.knows(counts.name, { backfilledAt: new Date() });
    expect(failed(await check(engine))).toEqual([`${items.name}: clean verify`, `${counts.name}: clean verify`]);
  });

  test("is looked through page by page, up to a bound", async () => {
    const engine = await born();
    const page = (n: number) => ({ items: [], next: n < 60 ? String(n + 1) : null });
    let pages = 0;
    engine.redis.store.pageRecords = async (_, after) => {
      pages++;
      return page(Number(after ?? 0));
    };
    expect(failed(await check(engine))).toEqual([`${items.name}: clean verify`]);
    expect(pages).toBe(50);
    engine.redis.store.pageRecords = async (_, after) => ({
      items: [],
      next: after === "49" ? null : String(Number(after ?? 0) + 1),
    });
    expect(failed(await check(engine))).toEqual([]);
  });
});

describe("to Redis", () => {
  test("a repair log that left entries out is no hindrance: Redis is filled before the authority moves", async () => {
    const engine = await new FleetFixture().reign("postgres");
    engine.servers.postgres.control.overflowed.set(counts.name, "mark");
    const checks = await check(engine, "redis");
    expect(failed(checks)).toEqual([]);
    expect(of(checks, "repair log whole").figure).toBe(`overflowed for ${counts.name}`);
  });

  test("asks for no copy and no verify, but looks at Postgres's log", async () => {
    const engine = await new FleetFixture().reign("postgres");
    const checks = await check(engine, "redis");
    expect(failed(checks)).toEqual([]);
    expect([...checks.keys()].filter((name) => /backfill|verify|divergence/.test(name))).toEqual([]);
    for (let n = 0; n < 101; n++) await engine.postgres.store.addToCounters(counts, 1, [add(`c${n}`)]);
    expect(failed(await check(engine, "redis"))).toEqual(["repair log worked off"]);
  });
});
