/** Goes back by one stage: a flip to the strategy before, with all that has to be copied first. */
import { AuthorityUnavailableError, StrategyError } from "../../errors.js";
import { type StrategyName, strategies, strategyNames } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";
import { type FleetLook, lookAtFleet, NOTHING_KNOWN, restingStrategies, strategiesOf } from "./fleet-look.js";
import { flip } from "./flip.js";
import { checkWay } from "./flip-checks.js";
import type { FlipOptions, FlipReport } from "./flip-options.js";

/** @throws StrategyError if nobody lives, or the fleet is at the first stage; and what a flip throws */
export async function rollback(context: MigrationContext, options: FlipOptions = {}): Promise<FlipReport> {
  checkWay(options);
  return flip(context, await stageBefore(context), options);
}

/** The strategy one stage before the furthest that a live process follows; that one, while the way back to it isn't at its end. */
async function stageBefore(context: MigrationContext): Promise<StrategyName> {
  const look = await lookAtFleet(context);
  if (look.processes === null) throw new AuthorityUnavailableError(NOTHING_KNOWN);
  const last = strategiesOf(look).at(-1);
  if (!last) {
    throw new StrategyError(
      `No process is alive, so there is no stage to go back from. Name the strategy: dual-write flip ${strategyNames.join("|")}.`,
    );
  }
  if (isOnItsWayBack(look, last)) return last;
  const before = strategyNames[strategies[last].stage - 1];
  if (before) return before;
  throw new StrategyError(`${last} is the first stage. What is before it is the application without the library.`);
}

/** All processes have crossed, and the authority is still that of a later stage. */
function isOnItsWayBack({ reign }: FleetLook, last: StrategyName): boolean {
  if (reign === null) return false;
  return restingStrategies(reign.authority).every((name) => strategies[name].stage > strategies[last].stage);
}
