/** The steps that a flip takes, as an operator reads them before and after. */

import type { StoreName } from "../../stores/state.js";
import { listProcesses } from "../../strategy/membership.js";
import type { StrategyName } from "../../strategy/strategies.js";
import type { CopyBack } from "./copy-back.js";
import type { FleetLook } from "./fleet-look.js";
import type { FlipOptions, FlipStep } from "./flip-options.js";

const DEFAULT_VARIABLE = "DUAL_WRITE_STRATEGY";

const COPIES: Record<NonNullable<CopyBack>, string> = {
  "take back": "Take Redis back: remember for it again, and copy everything from Postgres into it.",
  fill: "Copy to Redis what it lacks.",
};

export function stepsOf(
  look: FleetLook,
  to: StrategyName,
  { moves, copy, options }: { moves: StoreName | null; copy: CopyBack; options: FlipOptions },
): FlipStep[] {
  const steps: FlipStep[] = [];
  if (copy) steps.push({ kind: "copy", text: COPIES[copy] });
  steps.push({ kind: "record", text: `Keep the decision${options.reason ? `: ${options.reason}` : ""}.` });
  steps.push({ kind: "tell", text: tellText(look, to, options) });
  steps.push({ kind: "cross", text: `Wait until every live process follows ${to}.` });
  if (moves === "redis")
    steps.push({ kind: "copy", text: "The fleet tells Redis once more every state that Postgres has." });
  if (moves) {
    const term = look.reign ? `, term ${look.reign.term} to ${look.reign.term + 1}` : "";
    steps.push({ kind: "hand over", text: `The fleet passes the gate and moves the authority to ${moves}${term}.` });
  }
  return steps;
}

/** How the processes hear of it. */
function tellText(look: FleetLook, to: StrategyName, options: FlipOptions): string {
  if (options.strategyFile) return `Write ${to} to ${options.strategyFile}, which the processes follow.`;
  const setting = `${options.variable ?? DEFAULT_VARIABLE}=${to}`;
  const behind = (look.processes ?? []).filter(({ strategy }) => strategy !== to);
  if (look.processes?.length === 0) return `Start the processes with ${setting}: none is alive.`;
  if (behind.length === 0) return `Nobody need be told: every process follows ${to}.`;
  return `Restart these one after another with ${setting}: ${listProcesses(behind)}.`;
}
