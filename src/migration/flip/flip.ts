/** Moves the fleet to a neighbouring strategy: looks, asks the gate, tells the processes, waits. */
import { GateRefusedError } from "../../errors.js";
import { CONTROL_MS } from "../../strategy/fleet-context.js";
import type { StrategyName } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";
import { checkCopyBack, copyBack } from "./copy-back.js";
import { awaitCrossing, progressOf } from "./crossing.js";
import type { FlipOptions, FlipProgress, FlipReport } from "./flip-options.js";
import { type FlipPlan, planFlip } from "./flip-plan.js";
import { writeStrategyFile } from "./strategy-file.js";

const TIMEOUT_MS = 600_000;

/**
 * 1. Looks at the fleet and at the strategy file, and asks the gate. Up to here nothing is changed, and a dry run ends.
 * 2. Copies into Redis what must be there first.
 * 3. Records the decision; a forced passage is known to the fleet by that.
 * 4. Changes the strategy file, if there is one.
 * 5. Waits. The fleet itself moves the authority, and would without anybody waiting.
 *
 * @throws StrategyError if live processes are two or more stages away
 * @throws GateRefusedError with every check if one fails and `force` isn't set; nothing changed
 */
export async function flip(
  context: MigrationContext,
  strategy: StrategyName,
  options: FlipOptions = {},
): Promise<FlipReport> {
  const began = performance.now();
  const plan = await planFlip(context, strategy, options);
  const { to, copy, back, look, ...told } = plan;
  const report = (state: FlipReport["state"], progress: FlipProgress, recorded: boolean): FlipReport => ({
    ...{ state, to, recorded, ...told, ...progress },
    elapsedMs: Math.round(performance.now() - began),
  });
  if (options.dryRun) return report("planned", await progressOf(look, to, null), false);

  if (!plan.passes) throw new GateRefusedError(plan.gate);
  await checkCopyBack(context, copy);
  options.onSteps?.(plan.steps);
  const reason = options.reason?.trim() || `${back ? "rollback" : "flip"} to ${to}`;
  const { signal, timeoutMs = TIMEOUT_MS, onProgress, onCopied: progress } = options;
  await copyBack(context, copy, { reason, signal, progress });
  const recorded = await record(context, plan, reason);
  if (options.strategyFile) await writeStrategyFile(options.strategyFile, to);
  const crossing = await awaitCrossing(context, to, { timeoutMs, signal, onProgress });
  return report(crossing.waitingFor === null ? "done" : "waiting", crossing, recorded);
}

/** A forced passage is known by its record; a plain decision is a note, and Postgres may be away at the first stages. */
async function record(context: MigrationContext, { to, forced, back }: FlipPlan, reason: string): Promise<boolean> {
  const what = forced ? "forced-passage" : back ? "rollback" : "flip";
  const decision = { what, strategy: to, reason, forced, process: context.processId } as const;
  try {
    await context.postgres.attempt(() => context.evidence.recordDecision(decision), CONTROL_MS);
    return true;
  } catch (error) {
    if (forced) throw error;
    return false;
  }
}
