/** Settling the fences: the first start, every loss of Redis's memory, and each look that another process was faster than. */
import { describe, expect, test } from "vitest";
import { settleFences } from "../../src/strategy/recovery.js";
import { item, items } from "../contract/contract-collections.js";
import { away, fail, onVirtualTime } from "../engine/engine-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const SETTLED = { settled: true };
const settle = (engine: FleetFixture, redisAlone = false) => settleFences(engine.fleet, redisAlone);
const waiting = (waitingFor: unknown) => ({ settled: false, waitingFor });
const ANOTHER = waiting("another process that sets the term");

describe("the first start", () => {
  test("on an empty keyspace makes Redis the authority of term 1, and both complete but for the copy that isn't needed", async () => {
    const engine = new FleetFixture();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 1 incomplete bare trusted", postgres: "mirror 1 complete" });
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.servers.redis.control.fence?.term).toBe(1);
    expect(engine.decisions).toEqual([]);
  });

  test("on a keyspace with data calls Postgres incomplete", async () => {
    const engine = new FleetFixture();
    engine.servers.redis.bypassSet(items.redisKey("a"), item("red"));
    await settle(engine);
    expect(engine.fences.postgres).toBe("mirror 1 incomplete");
  });

  test("of two processes at once sets one fence up", async () => {
    const engine = new FleetFixture();
    const both = await Promise.all([settle(engine), settle(engine)]);
    expect(both).toContainEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 1 incomplete bare trusted", postgres: "mirror 1 complete" });
  });

  test("isn't taken for a loss by another process, whichever step of it that one sees", async () => {
    const before = new FleetFixture();
    before.before("postgres.raiseTerm", () => settle(before));
    await settle(before);
    expect(await settle(before)).toEqual(SETTLED);
    expect(before.decisions).toEqual([]);
    const engine = new FleetFixture();
    let other: Promise<unknown> | undefined;
    engine.before("redis.claimMemory", () => {
      other = settle(engine);
    });
    await settle(engine);
    await other;
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.decisions).toEqual([]);
  });

  test("goes on from the term that a Redis of another run knows, which Postgres hasn't", async () => {
    const engine = new FleetFixture();
    await engine.redis.store.createFence({ term: 7, role: "authority", complete: true });
    engine.servers.redis.restart();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 7 incomplete", postgres: "mirror 7 incomplete" });
  });

  test("leaves it to another process that was faster with a later term", async () => {
    const engine = new FleetFixture();
    engine.before("postgres.createFence", () =>
      engine.postgres.store.createFence({ term: 4, role: "mirror", complete: true }),
    );
    expect(await settle(engine)).toEqual(ANOTHER);
    expect(engine.fences.redis).toBe("none");
  });

  test("leaves it to another process that raised the term between", async () => {
    const engine = new FleetFixture();
    engine.before("postgres.raiseTerm", () => engine.postgres.store.raiseTerm(0));
    expect(await settle(engine)).toEqual(ANOTHER);
    expect(engine.fences.redis).toBe("none");
  });
});

describe("fences that stand", () => {
  test.each(["redis", "postgres"] as const)("with %s as the authority need nothing", async (authority) => {
    const engine = await new FleetFixture().reign(authority, 4);
    const before = engine.fences;
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual(before);
    expect(engine.decisions).toEqual([]);
  });
  test("also where Postgres is ahead as the authority: the lower fence is raised elsewhere", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    engine.setFence("redis", { term: 3 });
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences.redis).toBe("mirror 3 complete");
  });
  test("where Redis doesn't answer are settled only if Postgres reigns", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    engine.outage("redis");
    expect(await settle(engine)).toEqual(SETTLED);
    engine.setFence("postgres", { role: "mirror" });
    expect(await settle(engine)).toEqual(waiting("Redis to answer"));
    engine.outage("postgres");
    expect(await settle(engine)).toEqual(waiting("Redis to answer"));
  });
});

describe("a loss of Redis's memory", () => {
  test("of all raises the term, and bare values came after it", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.servers.redis.flush();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 5 incomplete bare trusted", postgres: "mirror 5 complete" });
    expect(engine.decisions).toEqual([
      { what: "memory-loss", strategy: null, reason: "Redis lost everything", forced: false, process: "p1" },
    ]);
  });

  test("of some, or of nothing, raises the term, and bare values aren't trusted", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.servers.redis.restart();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 5 incomplete", postgres: "mirror 5 complete" });
    expect(engine.decisions).toMatchObject([{ reason: "Redis restarted" }]);
  });

  test("as the mirror leaves it the mirror", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    engine.servers.redis.flush();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "mirror 5 incomplete bare trusted", postgres: "authority 5 complete" });
  });

  test("is nobody's concern once Redis was given up", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    await engine.postgres.store.setRedisGivenUp(true);
    engine.servers.redis.flush();
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "none", postgres: "authority 4 complete Redis given up" });
    expect(engine.decisions).toEqual([]);
  });

  test("is left to another process that was faster", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.servers.redis.flush();
    engine.before("postgres.raiseTerm", () => engine.postgres.store.raiseTerm(4));
    expect(await settle(engine)).toEqual(ANOTHER);
    expect(engine.fences.redis).toBe("none");
    expect(engine.decisions).toEqual([]);
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences.redis).toBe("authority 6 incomplete bare trusted");
  });

  test("for which another process raised the term and died is finished", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    await engine.postgres.store.raiseTerm(4);
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 6 incomplete", postgres: "mirror 6 complete" });
  });

  test("for which another process raised the term too late, so that a message made a mirror of Redis, is finished", async () => {
    // One raises the term to 5 and sleeps, another to 6 and is done; memory is lost again, the first wakes up and claims 5, and a
    // message of term 6 that was under way arrives.
    const engine = await new FleetFixture().reign("redis", 4);
    const late = { term: 5, role: "authority", complete: false, agreed: true } as const;
    await engine.postgres.store.raiseTerm(4);
    await engine.postgres.store.raiseTerm(5);
    engine.servers.redis.flush();
    await engine.redis.store.claimMemory(late);
    await engine.redis.store.applyRecords(items, 6, []);
    expect(engine.fences).toEqual({ redis: "mirror 6 incomplete bare trusted", postgres: "mirror 6 complete" });
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 7 incomplete bare trusted", postgres: "mirror 7 complete" });
  });

  test("isn't seen in a handover that others make between the two looks", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.after("postgres.readFence", () => {
      engine.setFence("redis", { role: "mirror", term: 5 });
      engine.setFence("postgres", { role: "authority", term: 5 });
    });
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "mirror 5 complete", postgres: "authority 5 complete" });
    const closed = await new FleetFixture().reign("redis", 4);
    closed.setFence("redis", { role: "closed" });
    expect(await settle(closed)).toEqual(SETTLED);
    expect(closed.fences.redis).toBe("closed 4 complete");
  });

  test("is told by one process, also where several find it", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.servers.redis.flush();
    engine.after("postgres.raiseTerm", () => settle(engine));
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.decisions).toHaveLength(1);
    expect(engine.fences.redis).toMatch(/^authority [67] incomplete bare trusted$/);
  });

  test("is settled although its note can't be written", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.servers.redis.flush();
    const evidence = { ...engine.fleet.evidence, recordDecision: async () => Promise.reject(away()) };
    expect(await settleFences({ ...engine.fleet, evidence }, false)).toEqual(SETTLED);
  });

  test("waits for Postgres, which alone can raise the term", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    const end = engine.outage("postgres");
    expect(await settle(engine)).toEqual(SETTLED);
    engine.servers.redis.flush();
    expect(await settle(engine)).toEqual(waiting("Postgres to answer, to set the term after Redis lost its memory"));
    end();
    expect(await settle(engine)).toEqual(SETTLED);
  });
});

describe("a database that was made anew", () => {
  test("is a mirror to be filled", async () => {
    const engine = await new FleetFixture().reign("redis", 4);
    engine.setFence("postgres", null);
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "authority 4 complete", postgres: "mirror 4 incomplete" });
  });
  test("isn't taken for the authority that it was", async () => {
    const engine = await new FleetFixture().reign("postgres", 4);
    engine.setFence("postgres", null);
    expect(await settle(engine)).toEqual(waiting(expect.stringMatching(/this database has no fence. Restore it/)));
    expect(engine.fences.postgres).toBe("none");
  });
});

describe("without Redis", () => {
  const alone = (engine: FleetFixture) => settleFences({ ...engine.fleet, redis: null }, true);
  test("a new deployment is born at the last stage", async () => {
    const engine = new FleetFixture();
    expect(await alone(engine)).toEqual(SETTLED);
    expect(engine.fences.postgres).toBe("authority 1 complete Redis given up");
  });
  test("Postgres serves where it reigns, and is waited for otherwise", async () => {
    const engine = await new FleetFixture().reign("postgres");
    expect(await alone(engine)).toEqual(SETTLED);
    engine.setFence("postgres", { role: "mirror" });
    expect(await alone(engine)).toEqual(
      waiting("the authority to move from Redis, which this process has no connection to"),
    );
    engine.outage("postgres");
    expect(await alone(engine)).toEqual(waiting("Postgres to answer"));
  });
});

describe("stage 0 with Postgres away", () => {
  async function alone(engine = new FleetFixture()) {
    const end = engine.outage("postgres");
    return { engine, end };
  }

  test("an empty Redis serves alone, and says that nobody agreed", async () => {
    const { engine } = await alone();
    expect(await settle(engine, true)).toEqual(SETTLED);
    expect(engine.fences.redis).toBe("authority 1 complete not agreed bare trusted");
    expect(await settle(engine, true)).toEqual(SETTLED);
  });

  test("only where every process can do without Postgres", async () => {
    const { engine } = await alone();
    expect(await settle(engine, false)).toEqual(waiting(expect.stringMatching(/^Postgres to answer/)));
    expect(engine.fences.redis).toBe("none");
  });

  test("a Redis that kept its fence serves on", async () => {
    const { engine } = await alone(await new FleetFixture().reign("redis", 4));
    expect(await settle(engine, true)).toEqual(SETTLED);
    expect(engine.fences.redis).toBe("authority 4 complete");
  });

  test("a Redis of another run, and one that lost all, take no term below any that was seen", async () => {
    const { engine } = await alone(await new FleetFixture().reign("redis", 4));
    engine.servers.redis.restart();
    expect(await settle(engine, true)).toEqual(SETTLED);
    expect(engine.fences.redis).toBe("authority 4 complete not agreed");
    const other = await new FleetFixture().reign("redis", 6);
    await other.context.term.refresh();
    await alone(other);
    other.servers.redis.flush();
    expect(await settle(other, true)).toEqual(SETTLED);
    expect(other.fences.redis).toBe("authority 6 complete not agreed bare trusted");
  });

  test("a Redis that wasn't the authority doesn't serve alone", async () => {
    const { engine } = await alone(await new FleetFixture().reign("postgres", 4));
    engine.servers.redis.restart();
    const wait = waiting("Postgres to answer: it was the authority when it was last seen");
    expect(await settle(engine, true)).toEqual(wait);
    const other = await new FleetFixture().reign("postgres", 4);
    await other.context.term.refresh();
    await alone(other);
    other.servers.redis.flush();
    expect(await settle(other, true)).toEqual(wait);
    expect(other.fences.redis).toBe("none");
  });
});

describe("when Postgres is back after Redis was set up alone", () => {
  async function setUpAlone(term: number, more: Parameters<FleetFixture["setFence"]>[1] = {}) {
    const engine = new FleetFixture();
    await engine.redis.store.createFence({ term, role: "authority", complete: true, agreed: false });
    engine.setFence("redis", more);
    return engine;
  }

  test("both agree on a term above either's, and Redis is compared", async () => {
    for (const [redis, postgres, agreed] of [
      [3, 3, 4],
      [2, 6, 7],
      [6, 2, 7],
    ] as const) {
      const engine = await setUpAlone(redis);
      await engine.postgres.store.createFence({ term: postgres, role: "mirror", complete: true });
      expect(await settle(engine)).toEqual(SETTLED);
      expect(engine.fences).toEqual({ redis: `authority ${agreed} incomplete`, postgres: `mirror ${agreed} complete` });
    }
  });

  test("what a full loss left bare is still trusted", async () => {
    const engine = await setUpAlone(1);
    const { control } = engine.servers.redis;
    if (control.fence) control.fence = { ...control.fence, bareTrusted: true };
    await engine.postgres.store.createFence({ term: 1, role: "mirror", complete: true });
    await settle(engine);
    expect(engine.fences.redis).toBe("authority 2 incomplete bare trusted");
  });

  test("Postgres reigns on where it did", async () => {
    const engine = await setUpAlone(2);
    await engine.postgres.store.createFence({ term: 5, role: "authority", complete: true });
    expect(await settle(engine)).toEqual(SETTLED);
    expect(engine.fences).toEqual({ redis: "mirror 6 incomplete", postgres: "authority 6 complete" });
  });

  test("a database that was never there becomes the mirror, of a later term, and Redis is compared", async () => {
    for (const complete of [true, false]) {
      const engine = await setUpAlone(3, { complete });
      expect(await settle(engine)).toEqual(SETTLED);
      expect(engine.fences).toEqual({ redis: "authority 4 incomplete", postgres: "mirror 4 incomplete" });
    }
  });

  test("a Redis that lost its memory while both agreed for the first time isn't taken to be complete", async () => {
    for (const method of ["postgres.createFence", "redis.claimMemory"] as const) {
      const engine = await setUpAlone(3);
      engine.before(method, () => engine.servers.redis.flush());
      expect(await settle(engine)).toEqual(SETTLED);
      expect(engine.fences, method).toEqual({
        redis: "authority 4 incomplete bare trusted",
        postgres: "mirror 4 incomplete",
      });
    }
  });

  test("it is left to another process that was faster", async () => {
    const engine = await setUpAlone(1);
    await engine.postgres.store.createFence({ term: 1, role: "mirror", complete: true });
    engine.before("postgres.raiseTerm", () => engine.postgres.store.raiseTerm(1));
    expect(await settle(engine)).toEqual(ANOTHER);
    const later = await setUpAlone(6);
    await later.postgres.store.createFence({ term: 2, role: "mirror", complete: true });
    later.after(
      "postgres.raiseTerm",
      () => later.servers.postgres.control.fence && later.setFence("postgres", { term: 9 }),
    );
    expect(await settle(later)).toEqual(ANOTHER);
    expect(later.fences.redis).toBe("authority 6 complete not agreed");
  });
});

test("a store that fails in the middle makes the look fail, to be repeated", async () => {
  const engine = await new FleetFixture().reign("redis", 4);
  engine.servers.redis.flush();
  engine.before("redis.claimMemory", fail(away()));
  await expect(settle(engine)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(await settle(engine)).toEqual(SETTLED);
  expect(engine.fences.redis).toBe("authority 6 incomplete bare trusted");
});
