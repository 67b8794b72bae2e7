/** Cuts a failing plan down while the same invariant still fails. */
import type { Plan } from "./plan.js";
import { runSchedule } from "./schedule.js";

/** How many runs a shrink may take. */
const RUNS = 400;

export interface Shrunk {
  readonly plan: Plan;
  readonly invariant: string;
  readonly message: string;
  readonly trace: readonly string[];
}

/** Null: the plan doesn't fail. */
export async function shrink(plan: Plan, ignore: readonly string[]): Promise<Shrunk | null> {
  const first = (await runSchedule(plan, { ignore })).violation;
  if (!first) return null;
  let runs = 0;
  const fails = async (candidate: Plan) =>
    runs++ < RUNS && (await runSchedule(candidate, { ignore })).violation?.invariant === first.invariant;

  let least = plan;
  for (let changed = true; changed && runs < RUNS; ) {
    changed = false;
    for (const candidate of simpler(least)) {
      if (!(await fails(candidate))) continue;
      least = candidate;
      changed = true;
      break;
    }
  }
  const { violation, trace } = await runSchedule(least, { ignore, trace: true });
  return { plan: least, invariant: first.invariant, message: violation?.message ?? first.message, trace };
}

function* simpler(plan: Plan): Generator<Plan> {
  const { events } = plan;
  for (let size = Math.ceil(events.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < events.length; from += size)
      yield { ...plan, events: events.filter((_, i) => i < from || i >= from + size) };
  }
  if (plan.legacy.length > 0) yield { ...plan, legacy: [] };
  if (plan.legacyCounters.length > 0) yield { ...plan, legacyCounters: [] };
  if (plan.compare > 0) yield { ...plan, compare: 0 };
  if (plan.processes > 1) yield { ...plan, processes: plan.processes - 1 };
  const { weather } = plan;
  if (weather.lostShare > 0) yield { ...plan, weather: { ...weather, lostShare: 0 } };
  if (weather.slowShare > 0) yield { ...plan, weather: { ...weather, slowShare: 0 } };
  if (weather.redisSkewMs !== 0 || weather.postgresSkewMs !== 0)
    yield { ...plan, weather: { ...weather, redisSkewMs: 0, postgresSkewMs: 0 } };
}
