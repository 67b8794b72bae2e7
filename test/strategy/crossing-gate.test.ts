/** A gate that refuses, and a passage that is forced past it: what it allows, what is kept of it, and that it is used up once. */
import { describe, expect, test, vi } from "vitest";
import type { Decision } from "../../src/stores/evidence.js";
import { StoreTimeoutError } from "../../src/stores/transient-errors.js";
import { OLD_SIDE } from "../../src/strategy/gate.js";
import { items } from "../contract/contract-collections.js";
import { away, fail, never, onVirtualTime } from "../engine/engine-fixture.js";
import { crossingOf, lease, look } from "./crossing-fixture.js";
import { FleetFixture } from "./fleet-fixture.js";

onVirtualTime();

const TO = "POSTGRES_PRIMARY";
const FAILED = `${items.name}: no unexplained divergence (2 since the last verify); repair log whole (overflowed for ${items.name})`;
const overflow = (engine: FleetFixture) => engine.servers.redis.control.overflowed.set(items.name, "1");
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Redis reigns in term 3; the stores differ in two records, and Redis's full log left out entries. */
async function refused(): Promise<FleetFixture> {
  const engine = await new FleetFixture().reign("redis", 3);
  engine.knows(items.name, { divergencesSinceVerify: 2 });
  overflow(engine);
  return engine;
}

const force = (engine: FleetFixture) =>
  engine.decisions.push({ what: "forced-passage", strategy: TO, reason: "it must be", forced: true, process: "cli" });
const handover = (reason: string, forced: boolean): Decision => ({
  what: "handover",
  strategy: TO,
  reason,
  forced,
  process: "p1",
});

describe("a gate that refuses", () => {
  test("leaves the authority where it is, and says each check that failed with its figure", async () => {
    const engine = await refused();
    expect(await look(crossingOf(engine), engine, TO)).toBe(`the gate: ${FAILED}`);
    expect(engine.fences.redis).toBe("authority 3 complete");
    expect(engine.decisions).toEqual([]);
  });

  test.each([
    { tookMs: 200, restMs: 800 },
    { tookMs: 4000, restMs: 5000 },
  ])("after $tookMs ms isn't asked again for $restMs ms, except for another strategy", async ({ tookMs, restMs }) => {
    const engine = await refused();
    const crossing = crossingOf(engine);
    const { of } = engine.fleet.evidence;
    const asked = vi.fn(async (name: string) => {
      await pause(tookMs / 2);
      return of(name);
    });
    engine.fleet.evidence.of = asked;
    await pause(10_000);
    const refusal = await look(crossing, engine, TO);
    asked.mockClear();
    await pause(restMs - 50);
    expect(await look(crossing, engine, TO)).toBe(refusal);
    expect(asked).not.toHaveBeenCalled();
    await pause(100);
    await look(crossing, engine, TO);
    expect(asked).toHaveBeenCalled();
    asked.mockClear();
    crossing.begin();
    await look(crossing, engine, TO);
    expect(asked).toHaveBeenCalled();
  });

  test("counts the processes that follow a strategy of the old authority", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    const checks = await crossingOf(engine).gate("postgres", [lease("p2", "DUAL_WRITE"), lease("p3", "POSTGRES_ONLY")]);
    expect(checks.filter(({ passed }) => !passed)).toMatchObject([
      { name: OLD_SIDE, figure: "1 processes (p2:1 DUAL_WRITE)" },
    ]);
  });
});

describe("a forced passage", () => {
  test("leads past the gate and past what a full log left out, and what it ignored is kept with its reason", async () => {
    const engine = await refused();
    force(engine);
    expect(await look(crossingOf(engine), engine, TO)).toBeNull();
    expect(engine.fences.postgres).toBe("authority 4 complete");
    expect(engine.decisions.at(-1)).toEqual(handover(`forced: it must be; in spite of: ${FAILED}`, true));
  });

  test("isn't made use of where the gate is passed: what a log leaves out after that stops the handover", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    force(engine);
    const crossing = crossingOf(engine);
    engine.before("redis.closeFence", () => overflow(engine));
    expect(await look(crossing, engine, TO)).toMatch(/^a copy of what the full repair log of contract_items left out/);
    expect(engine.decisions).toMatchObject([{ what: "forced-passage" }]);
    await engine.redis.store.forgetOverflow(items, "1");
    expect(await look(crossing, engine, TO)).toBeNull();
    expect(engine.decisions.at(-1)).toEqual(handover("every process crossed and the gate was passed", false));
  });

  test("isn't guessed at where the control tables don't answer", async () => {
    const engine = await refused();
    engine.fleet.evidence.forcedPassage = never;
    await expect(look(crossingOf(engine), engine, TO)).rejects.toBeInstanceOf(StoreTimeoutError);
    expect(engine.fences.redis).toBe("authority 3 complete");
  });

  test("is used up on arrival, once, where the handover that it allowed wasn't recorded", async () => {
    const engine = await refused();
    force(engine);
    const { recordDecision } = engine.fleet.evidence;
    engine.fleet.evidence.recordDecision = fail(away());
    const crossing = crossingOf(engine);
    expect(await look(crossing, engine, TO)).toBeNull();
    expect(engine.fences.postgres).toBe("authority 4 complete");
    // Nor does the first look after it succeed in that.
    expect(await look(crossing, engine, TO)).toBeNull();
    expect(engine.decisions).toHaveLength(1);
    engine.fleet.evidence.recordDecision = recordDecision;
    for (let looks = 0; looks < 2; looks++) expect(await look(crossing, engine, TO)).toBeNull();
    expect(engine.decisions.slice(1)).toEqual([handover("forced: it must be", true)]);
  });

  test("is looked for once in each term and under each strategy, and not while Postgres is out of reach", async () => {
    const engine = await new FleetFixture().reign("redis", 3);
    const crossing = crossingOf(engine);
    const asked = vi.spyOn(engine.fleet.evidence, "forcedPassage");
    const looks = async (count: number) => {
      for (let n = 0; n < count; n++) expect(await look(crossing, engine, "DUAL_WRITE")).toBeNull();
      return asked.mock.calls.length;
    };
    const end = engine.outage("postgres");
    expect(await looks(2)).toBe(0);
    end();
    expect(await looks(3)).toBe(1);
    engine.move("redis", 4);
    expect(await looks(3)).toBe(2);
    crossing.begin();
    expect(await looks(3)).toBe(3);
  });
});
