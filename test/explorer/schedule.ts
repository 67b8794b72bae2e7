/** Runs one planned schedule on virtual time until it has settled, or an invariant doesn't hold. */
import FakeTimers from "@sinonjs/fake-timers";
import { strategies } from "../../src/strategy/strategies.js";
import { type BypassEvent, bypass } from "./bypass-writer.js";
import { Callers } from "./callers.js";
import { collections, counters, encode, records } from "./collections.js";
import { backfill, verify } from "./copier.js";
import { EvidenceTables } from "./evidence.js";
import { checkEqual } from "./final-check.js";
import { FleetOperator } from "./fleet-operator.js";
import { type Plan, type PlannedEvent, strategyOf } from "./plan.js";
import { hashOf } from "./random.js";
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
  const random = Math.random;
  let drawn = 0;
  Math.random = () => hashOf(plan.seed, "Math.random", ++drawn);
  const world = new World(plan.seed, plan.weather, options.trace ?? false, new Set(options.ignore));
  let turns = 0;
  try {
    let done = false;
    scenario(plan, world).then(
      () => (done = true),
      (error: Error) => world.violate("the explorer itself works", String(error.stack)),
    );
    await new Promise((resolve) => turn(resolve));
    while (!done && !world.violation) {
      if (clock.countTimers() === 0) world.violate("nothing waits forever", "everything waits, and no timer is left");
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
  }
  return { violation: world.violation, coverage: world.coverage, trace: world.trace, turns };
}

async function scenario(plan: Plan, world: World): Promise<void> {
  const truth = new Truth(world);
  const tables = new EvidenceTables();
  for (const id of plan.legacy) {
    world.redis.bypassSet(records.redisKey(id), encode([`legacy-${id}`]));
    truth.record(id).bypassed(encode([`legacy-${id}`]), null, `legacy-${id}`);
  }
  for (const id of plan.legacyCounters) {
    world.redis.bypassSet(counters.redisKey(id), Buffer.from("10"));
    truth.counter(id).bypassed(10, `legacy-${id}`);
  }
  const fleet = new FleetOperator(world, truth, tables, plan);
  const callers = new Callers(world, truth, fleet);
  const asked = plan.events.map(
    (event) =>
      new Promise<void>((resolve, reject) => {
        setTimeout(() => happen(event, world, truth, tables, fleet, callers).then(resolve, reject), event.at + 1);
      }),
  );
  await Promise.all(asked);
  world.calm = true;
  world.note("explorer", "faults end");
  await fleet.settled();
  await settle(world, truth, tables, fleet);
  checkEqual(truth);
}

async function happen(
  event: PlannedEvent,
  world: World,
  truth: Truth,
  tables: EvidenceTables,
  fleet: FleetOperator,
  callers: Callers,
): Promise<void> {
  switch (event.kind) {
    case "put":
    case "update":
    case "delete":
    case "create":
    case "cancelled-put":
    case "count":
      return callers.write(event);
    case "read":
      return callers.read(event);
    case "read-count":
      return callers.readCount(event);
    case "backfill":
    case "verify": {
      const { process, untilCrash } = await fleet.untilServing(event.process);
      world.note(process.name, `begins ${event.kind}`);
      const work = event.kind === "backfill" ? backfill(process, tables) : verify(process, truth);
      // A failure is an interruption; the calm end runs both again.
      await Promise.race([work, untilCrash]).catch((error: Error) =>
        world.note(process.name, `${event.kind} is interrupted: ${error.message}`),
      );
      return;
    }
    case "flip":
      return fleet.flip(event.to, event.graceful, event.live);
    case "crash":
      return fleet.crash(event.process);
    case "snapshot":
      world.snapshots.push(world.redis.snapshot());
      return;
    case "flush":
    case "restore":
    case "restart":
      return world.loseRedis(event.kind);
    case "outage": {
      const link = world.links[event.store];
      world.note("fault", `${event.store} ${event.manner} for ${event.ms} ms`);
      world.cover(`outage-${event.store}-${event.manner}`);
      link.state = event.manner;
      await new Promise((resolve) => setTimeout(resolve, event.ms));
      link.state = "up";
      world.note("fault", `${event.store} is back`);
      return;
    }
    default:
      bypass(world, truth, event as BypassEvent);
  }
}

/** Works until the authority is where the fleet wishes it, Redis is complete, and both logs are empty. */
async function settle(world: World, truth: Truth, tables: EvidenceTables, fleet: FleetOperator): Promise<void> {
  let cleanUnder: string | null = null;
  for (;;) {
    const { process } = await fleet.untilServing(0);
    const wish = strategies[strategyOf(fleet.stage)].authority;
    const fence = world.redis.control.fence;
    const whole =
      fence?.runId === world.redis.runId && fence.complete && fence.exceptions.size === 0 && fence.agreed !== false;
    const empty = collections.every(
      ({ name }) => world.redis.control.entries(name).length + world.postgres.control.entries(name).length === 0,
    );
    if (
      cleanUnder === truth.authority &&
      whole &&
      empty &&
      truth.authority === wish &&
      world[wish].control.fence?.role === "authority"
    )
      return;
    try {
      if (empty && whole) {
        await backfill(process, tables);
        const under: string = truth.authority;
        cleanUnder = (await verify(process, truth)) ? under : null;
      }
    } catch (error) {
      world.note("explorer", `not settled yet: ${(error as Error).message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
