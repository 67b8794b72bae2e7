/** Looks for a schedule that doesn't keep a promise, in the copy of the source that this file stands in; prints what it found as JSON. */
import { parseArgs } from "node:util";
import { makePlan } from "../explorer/plan.js";
import { runSchedule } from "../explorer/schedule.js";
import { exploreOnServers } from "../explorer-on-servers/explore-on-servers.js";
import { directedPlans } from "./directed-plans.js";

export interface Hunted {
  /** How many schedules ran. */
  readonly schedules: number;
  readonly failure: { readonly seed: number; readonly invariant: string; readonly message: string } | null;
}

/** Schedules on real servers at once: they mostly wait. */
const AT_ONCE = 8;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    schedules: { type: "string" },
    plan: { type: "string" },
    servers: { type: "boolean", default: false },
  },
});
const plan = values.plan === undefined ? makePlan : directedPlans[values.plan as keyof typeof directedPlans];
const search = values.servers ? huntOnServers : hunt;
console.log(JSON.stringify(await search(Number(values.seed), Number(values.schedules))));

async function hunt(from: number, schedules: number): Promise<Hunted> {
  for (let seed = from; seed < from + schedules; seed++) {
    const { violation } = await runSchedule(plan(seed));
    if (violation) {
      const { invariant, message } = violation;
      return { schedules: seed - from + 1, failure: { seed, invariant, message } };
    }
  }
  return { schedules, failure: null };
}

async function huntOnServers(seed: number, schedules: number): Promise<Hunted> {
  const report = await exploreOnServers({ seed, schedules, atOnce: AT_ONCE, untilFailure: true });
  return { schedules: report.schedules, failure: report.failures[0] ?? null };
}
