/** What a flip is asked for, and what it tells. */
import type { GateCheck } from "../../errors.js";
import type { StoreName } from "../../stores/state.js";
import type { Lease } from "../../stores/store.js";
import type { StrategyName } from "../../strategy/strategies.js";

export interface FlipOptions {
  /** Why; kept with the decision. Required with `force`. */
  readonly reason?: string | undefined;
  /** Pass although checks of the gate fail. What they name is then at your risk. @default false */
  readonly force?: boolean | undefined;
  /** Look and tell the steps; change nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** The file that the processes follow (`fromFile`). @default none: they are told by a restart */
  readonly strategyFile?: string | undefined;
  /** The environment variable that the processes take their strategy from (`fromEnv`). @default "DUAL_WRITE_STRATEGY" */
  readonly variable?: string | undefined;
  /** How long to wait for the fleet; 0: not at all. Milliseconds. @default 600_000 */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting. What was decided stands, and the fleet goes on by itself. */
  readonly signal?: AbortSignal | undefined;
  /** Told once, before anything is changed. */
  readonly onSteps?: ((steps: readonly FlipStep[]) => void) | undefined;
  /** Told whenever what is waited for changes. */
  readonly onProgress?: ((progress: FlipProgress) => void) | undefined;
  /** Told of the rows copied to Redis so far, where that has to be done first. */
  readonly onCopied?: ((copied: number) => void) | undefined;
}

export interface FlipProgress {
  /** Live processes that follow the new strategy. */
  readonly crossed: readonly Lease[];
  /** Those that don't yet. */
  readonly behind: readonly Lease[];
  readonly authority: StoreName | null;
  readonly term: number | null;
  /** Null: nothing any more. */
  readonly waitingFor: string | null;
}

export interface FlipStep {
  readonly kind: "copy" | "record" | "tell" | "cross" | "hand over";
  /** What is done, for people. */
  readonly text: string;
}

export interface FlipReport extends FlipProgress {
  /** `planned`: a dry run. `done`: all have crossed and the authority is where it should be. `waiting`: it isn't yet. */
  readonly state: "planned" | "done" | "waiting";
  /** What the live processes followed before. */
  readonly from: readonly StrategyName[];
  readonly to: StrategyName;
  /** Where the authority is moved; null: it stays. */
  readonly moves: StoreName | null;
  /** Each check with its figure; empty where the authority stays. */
  readonly gate: readonly GateCheck[];
  /** Nothing refuses it: the gate lets it through but for processes that are still to cross, or it is forced. */
  readonly passes: boolean;
  readonly forced: boolean;
  readonly steps: readonly FlipStep[];
  /** False: Postgres didn't answer, so the decision isn't in its list. */
  readonly recorded: boolean;
  readonly elapsedMs: number;
}
