/** One look at the fleet: who lives, at which strategy, and where the authority is. */
import { type Fences, type Reign, reignOf } from "../../engine/term-view.js";
import type { StoreName } from "../../stores/state.js";
import type { Lease } from "../../stores/store.js";
import { liveLeases } from "../../strategy/membership.js";
import { areNeighbours, type StrategyName, strategies, strategyNames } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";

export interface FleetLook {
  /** Live processes; null: no store could tell. */
  readonly processes: readonly Lease[] | null;
  readonly fences: Fences;
  /** Null while the authority is being moved, or was never settled. */
  readonly reign: Reign | null;
}

/** What is said where no store could tell who lives. */
export const NOTHING_KNOWN =
  "No store answers, so nothing is known of the fleet. Check that both servers answer; then run it again.";

export async function lookAtFleet(context: MigrationContext): Promise<FleetLook> {
  const [processes, fences] = await Promise.all([liveLeases(context), context.term.refresh()]);
  return { processes, fences, reign: reignOf(fences) };
}

/** The strategies of the live processes, in the order of the stages. */
export function strategiesOf(look: FleetLook): StrategyName[] {
  const live = new Set((look.processes ?? []).map((lease) => lease.strategy));
  return strategyNames.filter((name) => live.has(name));
}

/** Processes beside which none may run at `to`. */
export function tooFar(look: FleetLook, to: StrategyName): Lease[] {
  return (look.processes ?? []).filter(
    ({ strategy }) => !(strategy in strategies) || !areNeighbours(strategy as StrategyName, to),
  );
}

/** Where the fleet stands that nobody lives in: any strategy that its authority goes with. */
export function restingStrategies(authority: StoreName): StrategyName[] {
  return strategyNames.filter((name) => strategies[name].authority === authority);
}
