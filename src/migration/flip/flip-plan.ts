/** What a flip would do, from one look at the fleet. Nothing is changed here. */
import type { GateCheck } from "../../errors.js";
import type { StoreName } from "../../stores/state.js";
import { checkGate, OLD_SIDE } from "../../strategy/gate.js";
import { type StrategyName, strategies } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";
import { type CopyBack, copyBackNeeded } from "./copy-back.js";
import { type FleetLook, lookAtFleet, strategiesOf } from "./fleet-look.js";
import { authorityOf, checkNeighbours, checkOptions } from "./flip-checks.js";
import type { FlipOptions, FlipReport } from "./flip-options.js";
import { stepsOf } from "./flip-steps.js";
import { readStrategyFile } from "./strategy-file.js";

export interface FlipPlan extends Pick<FlipReport, "from" | "to" | "moves" | "gate" | "passes" | "forced" | "steps"> {
  readonly look: FleetLook;
  readonly copy: CopyBack;
  /** The stage before, for at least one live process. */
  readonly back: boolean;
}

/** @throws StrategyError, ConfigurationError */
export async function planFlip(
  context: MigrationContext,
  strategy: StrategyName,
  options: FlipOptions,
): Promise<FlipPlan> {
  const to = checkOptions(strategy, options);
  if (options.strategyFile) await readStrategyFile(options.strategyFile);
  const look = await lookAtFleet(context);
  checkNeighbours(look, to);
  const from = strategiesOf(look);
  const { authority, stage, redisOptional } = strategies[to];
  const moves = authority === authorityOf(look) ? null : authority;
  const gate = moves ? await askGate(context, look, moves) : [];
  const forced = (options.force ?? false) && moves !== null;
  const copy = redisOptional ? null : copyBackNeeded(look);
  return {
    ...{ look, from, to, copy, moves, gate, forced },
    // Others may still be on the old side: they are waited for. Everything else must hold now.
    passes: forced || gate.every((check) => check.passed || check.name === OLD_SIDE),
    steps: stepsOf(look, to, { moves, copy, options }),
    back: from.some((name) => strategies[name].stage > stage),
  };
}

/** Every check before the authority moves `to` there. */
export function askGate(context: MigrationContext, look: FleetLook, to: StoreName): Promise<GateCheck[]> {
  const onOldSide = ({ strategy }: { strategy: string }) => strategies[strategy as StrategyName].authority !== to;
  return checkGate(context, to, look.processes ?? [], onOldSide);
}
