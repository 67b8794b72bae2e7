/** Runs one planned schedule on virtual time until it has settled, or an invariant doesn't hold. */
import FakeTimers from "@sinonjs/fake-timers";
import { Callers } from "./callers.js";
import { counters, encode, records } from "./collections.js";
import { EvidenceTables } from "./evidence.js";
import { checkEqual } from "./final-check.js";
import { FleetOperator } from "./fleet-operator.js";
import { happen } from "./happen.js";
import type { Plan } from "./plan.js";
import { hashOf } from "./random.js";
import { settle } from "./settle.js";
import { Truth } from "./truth.js";
import { type Violation, World } from "./world.js";

export interface Outcome {
  readonly violation: Violation | null;
  readonly coverage: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
  readonly turns: number;
}

const BEGIN = Date.UTC(2026, 0, 1);
/** More than any schedule needs, in virtual milliseconds and in turns of the loop. */
const LIMIT_MS = 180_000;
const LIMIT_TURNS = 150_000;
const turn = setImmediate;

export async function runSchedule(
  plan: Plan,
  options: { readonly trace?: boolean; readonly ignore?: readonly string[] } = {},
): Promise<Outcome> {
  const clock = FakeTimers.install({
    now: BEGIN,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  // Most errors are refusals that nobody looks at; a replay has their stacks.
  const { stackTraceLimit } = Error;
  if (!options.trace) Error.stackTraceLimit = 0;
  const random = Math.random;
  let drawn = 0;
  Math.random = () => hashOf(plan.seed, "Math.random", ++drawn);
  const world = new World(plan.seed, plan.weather, options.trace ?? false, new Set(options.ignore), plan.logLimit);
  let turns = 0;
  try {
    let done = false;
    scenario(plan, world).then(
      () => (done = true),
      (error: Error) => world.violate("the explorer itself works", String(error.stack)),
    );
    await new Promise((resolve) => turn(resolve));
    while (!done && !world.violation) {
      if (world.outside) await world.outside;
      else if (clock.countTimers() === 0)
        world.violate("nothing waits forever", "everything waits, and no timer is left");
      else if (clock.now - BEGIN > LIMIT_MS || ++turns > LIMIT_TURNS)
        world.violate("everything settles", `not settled after ${clock.now - BEGIN} ms`);
      else clock.next();
      await new Promise((resolve) => turn(resolve));
    }
  } finally {
    // What is still parked ends now, while its timers go to the clock that is taken away.
    world.over = true;
    for (const reject of world.parked) reject(new Error("the schedule is over"));
    for (let i = 0; i < 3; i++) await new Promise((resolve) => turn(resolve));
    clock.uninstall();
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
  }
  return { violation: world.violation, coverage: world.coverage, trace: world.trace, turns };
}

async function scenario(plan: Plan, world: World): Promise<void> {
  const truth = new Truth(world, idsOf(plan));
  const tables = new EvidenceTables();
  for (const id of plan.legacy) {
    world.redis.bypassSet(records.redisKey(id), encode([`legacy-${id}`]));
    truth.record(id).bypassed(encode([`legacy-${id}`]), null, `legacy-${id}`);
  }
  for (const id of plan.legacyCounters) {
    world.redis.bypassSet(counters.redisKey(id), Buffer.from("10"));
    truth.counter(id).bypassed(10, null, `legacy-${id}`);
  }
  const fleet = new FleetOperator(world, truth, tables, plan);
  const callers = new Callers(world, truth, fleet);
  const asked = plan.events.map(
    (event) =>
      new Promise<void>((resolve, reject) => {
        const stage = { world, truth, tables, fleet, callers };
        setTimeout(() => happen(event, stage).then(() => resolve(), reject), event.at + 1);
      }),
  );
  await Promise.all(asked);
  world.calm = true;
  world.note("explorer", "faults end");
  await fleet.settled();
  await settle({ world, truth, tables, fleet });
  checkEqual(truth);
}

/** Who is looked at after each effect: only those that something happens to. */
function idsOf({ events, legacy, legacyCounters }: Plan): ReadonlySet<string> {
  return new Set([...events.flatMap((event) => ("id" in event ? [event.id] : [])), ...legacy, ...legacyCounters]);
}
