/** What runs that haven't come to their end mean for one that begins: it waits for nobody and goes on only from its own like. */
import { ConfigurationError, ConflictError } from "../../errors.js";
import type { BackfillPlan, OpenBackfill } from "../../stores/postgres/control-records.js";
import type { BothStores } from "../migration-context.js";
import { collectionsOf } from "./backfill-plan.js";
import { claim, claimWhenDead } from "./run-claim.js";

export interface Asker {
  readonly plan: BackfillPlan;
  readonly owner: string;
  /** Its run, where it has begun one: only what began before counts, so that of two at once one goes on. */
  readonly id?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Several machines share the work by collections. The claims of runs that are dead are the asker's afterwards.
 * @throws ConflictError naming a run that copies some of the same just now
 */
export async function refuseLiveRuns(context: BothStores, { plan, owner, id, signal }: Asker): Promise<void> {
  const asked = collectionsOf(plan);
  for (const run of await context.evidence.openBackfills()) {
    if (run.id === id) break;
    const shared = collectionsOf(run.plan).filter((name) => asked.includes(name));
    if (shared.length === 0 || (await claimWhenDead(context, run.id, owner, signal))) continue;
    throw new ConflictError(
      `The backfill ${run.id}, begun ${run.startedAt.toISOString()}, copies ${shared.join(", ")} just now. Wait for it, or stop it; machines that share the work take different collections.`,
    );
  }
}

/** Why there is nothing to go on with. */
export async function whyNotResumed(
  context: BothStores,
  plan: BackfillPlan,
  server: string,
): Promise<ConfigurationError> {
  const runs = await context.evidence.openBackfills();
  const reasons = runs.map((run) => `the run ${run.id} ${whatDiffers(run, plan, server)}`);
  const message = `nothing to go on with: ${reasons.join("; ") || "no run was stopped half-way"}. Begin anew with restart, or without either`;
  return new ConfigurationError([{ path: "resume", message }]);
}

/**
 * A place that a run has come to isn't given up without a word because another was asked for, or another server is there.
 * @throws ConfigurationError naming a stopped run that copied some of the same
 */
export async function refuseOtherPlaces(context: BothStores, { plan, owner }: Asker, server: string): Promise<void> {
  for (const run of await context.evidence.openBackfills()) {
    const isLike = run.server === server && differingNames(run, plan).length === 0;
    if (isLike || !sharesWith(run, plan)) continue;
    await claim(context, run.id, owner, 1); // It was this asker's while it looked.
    const message = `the backfill ${run.id}, begun ${run.startedAt.toISOString()}, was stopped half-way and ${whatDiffers(run, plan, server)}. Go on with that one, or begin anew with --restart: its place is given up then, what it copied stays`;
    throw new ConfigurationError([{ path: "restart", message }]);
  }
}

export function sharesWith(run: OpenBackfill, plan: BackfillPlan): boolean {
  const asked = collectionsOf(plan);
  return collectionsOf(run.plan).some((name) => asked.includes(name));
}

function differingNames(run: OpenBackfill, plan: BackfillPlan): string[] {
  const names = new Set([...Object.keys(run.plan), ...Object.keys(plan)]);
  return [...names].filter((name) => JSON.stringify(run.plan[name]) !== JSON.stringify(plan[name]));
}

function whatDiffers(run: OpenBackfill, plan: BackfillPlan, server: string): string {
  if (run.server !== server) return "read another Redis server, or this one before its restart";
  const differing = differingNames(run, plan);
  if (differing.length > 0) return `was asked for something else (${differing.join(", ")})`;
  return "is too old, or the repair log was full since";
}
