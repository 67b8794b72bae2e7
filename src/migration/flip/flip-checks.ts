/** What a flip refuses before it asks the gate. */

import { AuthorityUnavailableError, ConfigurationError, StrategyError } from "../../errors.js";
import type { StoreName } from "../../stores/state.js";
import { listProcesses } from "../../strategy/membership.js";
import { areNeighbours, parseStrategy, type StrategyName } from "../../strategy/strategies.js";
import { type FleetLook, NOTHING_KNOWN, restingStrategies, tooFar } from "./fleet-look.js";
import type { FlipOptions } from "./flip-options.js";

/** @throws StrategyError for an unknown strategy, ConfigurationError for other options */
export function checkOptions(strategy: unknown, options: FlipOptions): StrategyName {
  const to = parseStrategy(strategy, "flip");
  checkWay(options);
  return to;
}

/** How it is to be done, wherever it goes. @throws ConfigurationError */
export function checkWay({ force, reason, timeoutMs }: FlipOptions): void {
  const issues = [];
  if (force && !reason?.trim()) issues.push({ path: "reason", message: "a forced passage needs one, which is kept" });
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) issues.push({ path: "timeoutMs", message: "milliseconds from 0" });
  if (issues.length > 0) throw new ConfigurationError(issues);
}

/** @throws StrategyError if it is two or more stages away; AuthorityUnavailableError if no store answers */
export function checkNeighbours(look: FleetLook, to: StrategyName): void {
  if (!look.processes) throw new AuthorityUnavailableError(NOTHING_KNOWN);
  const apart = tooFar(look, to);
  if (apart.length > 0) {
    throw new StrategyError(
      `The fleet can't go to ${to} while these live two or more stages away: ${listProcesses(apart)}. Take the stages one after another, or stop these first.`,
    );
  }
  const resting = restingStrategies(authorityOf(look));
  if (look.processes.length === 0 && !resting.some((name) => areNeighbours(name, to))) {
    throw new StrategyError(
      `No process is alive, and ${authorityOf(look)} is the authority: from there the next is ${resting.join(" or ")}, not ${to}.`,
    );
  }
}

/** Whose reign it is, or was until the handover that is under way. Where no store was ever set up, Redis has the data. */
export function authorityOf({ reign, fences }: FleetLook): StoreName {
  if (reign) return reign.authority;
  return fences.postgres?.role === "closed" || fences.postgres?.role === "authority" ? "postgres" : "redis";
}
