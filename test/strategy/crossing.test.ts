/** When the authority moves: not before every process wishes it, Redis is sure of what it has, and what Postgres has is told. */
import { describe, expect, test, vi } from "vitest";
import { REFILL } from "../../src/stores/sides.js";
import { Fleet } from "../../src/strategy/fleet.js";
import { takeRedisBack } from "../../src/strategy/give-up.js";
import { Membership } from "../../src/strategy/membership.js";
import type { StrategyName } from "../../src/strategy/strategies.js";
import { items } from "../contract/contract-collections.js";
import { away, fail, onVirtualTime } from "../engine/engine-fixture.js";
import { crossingOf, lease, look } from "./crossing-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

describe("the authority stays", () => {
  test("while a single process is behind, which is named", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    const others = [lease("p2", "DUAL_WRITE", 1), lease("p3", "POSTGRES_PRIMARY", 2)];
    const waiting = await look(crossingOf(engine), engine, "POSTGRES_PRIMARY", others);
    expect(waiting).toBe("p2:1 (DUAL_WRITE) to cross");
    expect(engine.fences.redis).toBe("authority 3 complete");
  });

  test("for a process that knows a collection more to move it", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    const collections = [items.name, "others", "more"];
    const others = [{ ...lease("p2", "POSTGRES_PRIMARY", 2), collections }, lease("p3", "POSTGRES_PRIMARY", 2)];
    const crossing = crossingOf(engine);
    expect(await look(crossing, engine, "POSTGRES_PRIMARY", others)).toBe(
      "p2:1 (POSTGRES_PRIMARY) to move the authority, knowing collections that this process doesn't: others, more",
    );
    expect(crossing.waitsForOthers).toBe(true);
    expect(engine.fences.redis).toBe("authority 3 complete");
  });

  test("while Redis isn't compared after a loss", async () => {
    const engine = await new FleetFixture().reign("redis", 3, ["redis"]);
    expect(await look(crossingOf(engine), engine, "POSTGRES_PRIMARY")).toMatch(/^Redis to be compared/);
    expect(engine.fences.redis).toBe("authority 3 incomplete");
  });

  test("while Redis wasn't told everything in this term, however complete it calls itself", async () => {
    const engine = await new FleetFixture().reign("postgres", 3);
    const crossing = crossingOf(engine);
    expect(await look(crossing, engine, "DUAL_WRITE")).toMatch(/^Redis to hold everything/);
    expect(engine.fences.postgres).toBe("authority 3 complete");
    await crossing.settled();
    expect(await look(crossing, engine, "DUAL_WRITE")).toBeNull();
    expect(engine.fences.redis).toBe("authority 4 complete");
  });

  test("while a full log has left out entries since Redis was told", async () => {
    const engine = await new FleetFixture().reign("postgres", 3);
    const crossing = crossingOf(engine);
    await look(crossing, engine, "DUAL_WRITE");
    await crossing.settled();
    engine.servers.postgres.control.overflowed.set(items.name, "1");
    expect(await look(crossing, engine, "DUAL_WRITE")).toMatch(/^Redis to hold everything/);
    expect(engine.fences.postgres).toBe("authority 3 complete");
    // That filling takes the mark away.
    await crossing.settled();
    expect(await look(crossing, engine, "DUAL_WRITE")).toBeNull();
  });

  test.each([
    ["to Postgres", "redis", "POSTGRES_PRIMARY", /^Redis to answer/],
    ["to Redis", "postgres", "DUAL_WRITE", /^Redis to hold everything/],
  ] as const)("while Redis is out of reach, on the way %s", async (_, from, strategy, waiting) => {
    const engine = await new FleetFixture().reign(from, 3);
    const crossing = crossingOf(engine);
    engine.outage("redis");
    expect(await look(crossing, engine, strategy)).toMatch(waiting);
    await crossing.settled();
    expect(await look(crossing, engine, strategy)).toMatch(waiting);
  });
});

describe("the filling of Redis on the way back", () => {
  /** Postgres reigns over an incomplete Redis. */
  const incomplete = () => new FleetFixture().reign("postgres", 3, ["redis"]);

  test("is begun by whoever waits for it, who is told of its end", async () => {
    const engine = await incomplete();
    const onFilled = vi.fn();
    const crossing = crossingOf(engine, onFilled);
    await look(crossing, engine, "DUAL_WRITE");
    await crossing.settled();
    expect(onFilled).toHaveBeenCalledOnce();
    expect(await look(crossing, engine, "DUAL_WRITE")).toBeNull();
  });

  test("that another process is at isn't taken for this one's", async () => {
    const engine = await new FleetFixture().reign("postgres", 3);
    const onFilled = vi.fn();
    const crossing = crossingOf(engine, onFilled);
    await engine.redis.store.claimTask(REFILL, "p2", 60_000);
    await look(crossing, engine, "DUAL_WRITE");
    await crossing.settled();
    expect(onFilled).not.toHaveBeenCalled();
    expect(await look(crossing, engine, "DUAL_WRITE")).toMatch(/^Redis to hold everything/);
  });

  test("ends when the process is stopped", async () => {
    const engine = await incomplete();
    const abort = new AbortController();
    const crossing = crossingOf(engine, () => {}, abort.signal);
    engine.after("postgres.pageRecords", () => abort.abort());
    await look(crossing, engine, "DUAL_WRITE");
    await crossing.settled();
    expect(engine.fences.redis).toBe("mirror 3 incomplete");
  });
});

describe("what a full log of Postgres left out", () => {
  test("is still owed where the filling that was to bring it was cut short", async () => {
    const engine = await new FleetFixture().reign("postgres", 3);
    const crossing = crossingOf(engine);
    engine.servers.postgres.control.overflowed.set(items.name, "1");
    engine.before("redis.setCompleteInTerm", fail(away()));
    await look(crossing, engine, "DUAL_WRITE");
    await crossing.settled();
    expect(await engine.postgres.store.logStatus(items)).toMatchObject({ overflowed: true });
  });
});

describe("a process", () => {
  const membershipOf = (engine: FleetFixture, strategy: StrategyName = "REDIS_PRIMARY", processId = "p1") =>
    new Membership(
      () => ({ ...engine.fleet, processId }),
      () => lease(processId, strategy, 0),
    );

  test.each(["redis", "postgres"] as const)("is alive if %s alone says so", async (store) => {
    const engine = await new FleetFixture().reign("redis");
    const end = engine.outage(store === "redis" ? "postgres" : "redis");
    await membershipOf(engine, "REDIS_PRIMARY", "p2").renew();
    end();
    expect(await membershipOf(engine).others()).toMatchObject([{ processId: "p2" }]);
  });

  test("can't do without Postgres beside one that needs it, also when nobody can be asked any more", async () => {
    const engine = await new FleetFixture().reign("redis");
    const membership = membershipOf(engine);
    expect(membership.redisAlone).toBe(true);
    await membershipOf(engine, "DUAL_WRITE", "p2").renew();
    await membership.others();
    expect(membership.redisAlone).toBe(false);
    for (const store of ["redis", "postgres"] as const) engine.outage(store);
    await membership.others();
    expect(membership.redisAlone).toBe(false);
  });

  const fleetOf = (engine: FleetFixture, strategy: StrategyName, processId = "p1") =>
    new Fleet(() => ({ ...engine.fleet, processId }), strategy, { host: processId, pid: 1 });

  test("that is refused leaves no lease behind, and it registers before it looks", async () => {
    const engine = await new FleetFixture().reign("redis");
    await fleetOf(engine, "REDIS_PRIMARY", "p2").join();
    await expect(fleetOf(engine, "POSTGRES_PRIMARY").join()).rejects.toThrow(/p2:1 \(REDIS_PRIMARY\)/);
    expect(await engine.redis.store.readLeases()).toMatchObject([{ processId: "p2" }]);
    expect(await engine.postgres.store.readLeases()).toMatchObject([{ processId: "p2" }]);
    // Of two at once, neither could see the other if it looked first.
    const both = await new FleetFixture().reign("redis");
    const joins = await Promise.allSettled([
      fleetOf(both, "REDIS_PRIMARY", "p2").join(),
      fleetOf(both, "POSTGRES_PRIMARY").join(),
    ]);
    expect(joins.some(({ status }) => status === "rejected")).toBe(true);
  });

  test("keeps its lease during a look that lasts longer than one", async () => {
    const engine = await new FleetFixture().reign("redis");
    const fleet = fleetOf(engine, "POSTGRES_PRIMARY");
    await fleet.join();
    const { of } = engine.fleet.evidence;
    Object.assign(engine.fleet.evidence, {
      of: async (name: string) => {
        await new Promise((resolve) => setTimeout(resolve, 8000));
        return of(name);
      },
    });
    const looking = fleet.tick();
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    expect(await membershipOf(engine, "POSTGRES_PRIMARY", "p2").others()).toMatchObject([{ processId: "p1" }]);
    await looking;
    await fleet.stop();
    expect(await membershipOf(engine, "POSTGRES_PRIMARY", "p2").others()).toEqual([]);
  });

  test("raises a fence that stands below the reign", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    engine.setFence("redis", { term: 3, role: "closed" });
    await fleetOf(engine, "POSTGRES_PRIMARY").tick();
    expect(engine.fences.redis).toBe("mirror 4 complete");
    const other = await new FleetFixture().reign("redis", 4);
    other.setFence("postgres", { term: 3, role: "closed" });
    await fleetOf(other, "DUAL_WRITE").tick();
    expect(other.fences.postgres).toBe("mirror 4 complete");
  });

  test("finishes the later of two handovers that were begun", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    engine.setFence("redis", { role: "closed" });
    engine.setFence("postgres", { role: "closed", term: 4 });
    await fleetOf(engine, "DUAL_WRITE").tick();
    expect(engine.fences).toEqual({ redis: "authority 5 complete", postgres: "mirror 5 complete" });
  });
});

test("a Redis that is taken back isn't called complete by a fence that was left there, whenever that is cut short", async () => {
  for (const step of ["postgres.setRedisGivenUp", "postgres.raiseTerm", "redis.claimMemory"] as const) {
    const engine = await new FleetFixture().reign("postgres", 3);
    await engine.postgres.store.setRedisGivenUp(true);
    engine.before(step, fail(away()));
    await expect(takeRedisBack(engine.fleet, "back"), step).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(engine.fences.redis, step).toMatch(/incomplete/);
  }
});
