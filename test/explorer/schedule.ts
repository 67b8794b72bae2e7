/** Runs one planned schedule on virtual time until it has settled, or an invariant doesn't hold. */
import { counters, encode, records } from "./collections.js";
import { EvidenceTables } from "./evidence.js";
import { checkEqual } from "./final-check.js";
import { MemoryGround } from "./memory-ground.js";
import { MemoryJudge } from "./memory-judge.js";
import type { Plan } from "./plan.js";
import { play } from "./play.js";
import { Dice } from "./random.js";
import type { Violation } from "./scene.js";
import { Truth } from "./truth.js";
import { VirtualTime } from "./virtual-time.js";
import { World } from "./world.js";

export interface Outcome {
  readonly violation: Violation | null;
  readonly coverage: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
  readonly turns: number;
}

const BEGIN = Date.UTC(2026, 0, 1);
/** More than any schedule needs, in virtual milliseconds and in timers. */
const LIMIT_MS = 180_000;
const LIMIT_TURNS = 150_000;
/** Timers that run in one turn of the real loop. */
const AT_ONCE = 100;
const turn = setImmediate;

export async function runSchedule(
  plan: Plan,
  options: { readonly trace?: boolean; readonly ignore?: readonly string[] } = {},
): Promise<Outcome> {
  const time = new VirtualTime(BEGIN);
  const uninstall = time.install();
  // Most errors are refusals that nobody looks at; a replay has their stacks.
  const { stackTraceLimit } = Error;
  if (!options.trace) Error.stackTraceLimit = 0;
  const random = Math.random;
  const dice = new Dice(plan.seed, "Math.random");
  Math.random = () => dice.next();
  const world = new World(plan, time, options.trace ?? false, new Set(options.ignore));
  // It would end a backend.
  const unhandled = (error: unknown) =>
    world.violate("every failure comes to somebody", String((error as Error).stack));
  process.on("unhandledRejection", unhandled);
  let turns = 0;
  try {
    let done = false;
    scenario(plan, world).then(
      () => (done = true),
      (error: Error) => world.violate("the explorer itself works", String(error.stack)),
    );
    await eachTurn(() => {
      if (done || world.violation) return false;
      if (time.waiting === 0) world.violate("nothing waits forever", "everything waits, and no timer is left");
      else if (time.passed > LIMIT_MS || ++turns > LIMIT_TURNS)
        world.violate("everything settles", `not settled after ${time.passed} ms`);
      else
        try {
          time.next();
        } catch (error) {
          unhandled(error);
        }
      return true;
    });
  } finally {
    // What is still parked ends now, while its timers go to the time that is taken away.
    world.over = true;
    for (const reject of world.parked) reject(new Error("the schedule is over"));
    for (let i = 0; i < 3; i++) await new Promise((resolve) => turn(resolve));
    uninstall();
    process.off("unhandledRejection", unhandled);
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
  }
  return { violation: world.violation, coverage: world.coverage, trace: world.trace, turns };
}

/** Runs `work` again and again until it says false, each time after everything that the time before led to. */
function eachTurn(work: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let goesOn = true;
    const once = () => {
      if (!goesOn) return;
      goesOn = work();
      if (!goesOn) resolve();
    };
    // Between two callbacks of one turn all microtasks are run, as they are between two turns; turns alone would cost a tenth more.
    const several = () => {
      if (!goesOn) return;
      for (let i = 0; i < AT_ONCE; i++) turn(once);
      turn(several);
    };
    turn(several);
  });
}

async function scenario(plan: Plan, world: World): Promise<void> {
  const tables = new EvidenceTables();
  const truth = new Truth(world, tables, idsOf(plan));
  world.postgres.unfinishedBackfills = () => tables.unfinished().map(({ startedAt }) => startedAt.getTime());
  for (const id of plan.legacy) {
    world.redis.bypassSet(records.redisKey(id), encode([`legacy-${id}`]));
    truth.record(id).bypassed(encode([`legacy-${id}`]), null, `legacy-${id}`);
  }
  for (const id of plan.legacyCounters) {
    world.redis.bypassSet(counters.redisKey(id), Buffer.from("10"));
    truth.counter(id).bypassed(10, null, `legacy-${id}`);
  }
  await play(plan, world, new MemoryGround(world, truth, tables), new MemoryJudge(world, truth));
  checkEqual(truth);
}

/** Who is looked at after each effect: only those that something happens to. */
function idsOf({ events, legacy, legacyCounters }: Plan): ReadonlySet<string> {
  return new Set([
    ...events.flatMap((event) => [
      ...("id" in event ? [event.id] : []),
      ...("also" in event && event.also ? [event.also] : []),
    ]),
    ...legacy,
    ...legacyCounters,
  ]);
}
