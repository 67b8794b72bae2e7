/** What a backfill is asked for and what it tells. */
import type { BackfillProgress } from "../run/progress.js";
import type { RunOptions } from "../run/run-options.js";
import type { Sample } from "../run/samples.js";
import type { Counts } from "../run/tally.js";
import type { BackfillSelection } from "./backfill-plan.js";

export interface BackfillOptions extends RunOptions, BackfillSelection {
  /** Pages worked on at once, 1 to 16. @default 2, and 1 where it is polite */
  readonly concurrency?: number | undefined;
  /** Begins anew where an earlier run could go on. @default false */
  readonly restart?: boolean | undefined;
  /** Goes on where an earlier run stopped, and does nothing if none fits. @default false: as it comes */
  readonly resume?: boolean | undefined;
  /** Values set aside at most; at the next one the run fails. `Infinity`: go on whatever comes. @default 1000 */
  readonly maxRejects?: number | undefined;
  /** Takes back what it brought if the run fails for good; not when it was stopped, or a store went away. @default true */
  readonly rollback?: boolean | undefined;
  /** Does all but write: each key is judged against what stands now. @default false */
  readonly dryRun?: boolean | undefined;
  /** Decodes every value, and neither compares nor copies it. @default false */
  readonly validateOnly?: boolean | undefined;
  /** Shows keys in the samples instead of their hashes. @default false */
  readonly showKeys?: boolean | undefined;
  /** Stops after the pages under way; the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

export interface BackfillReport {
  readonly runId: string;
  /** `stopped`: by the signal; the next run goes on from there. */
  readonly state: "finished" | "stopped";
  /** `rehearsed`, `validated`: nothing was written. */
  readonly mode: "copied" | "rehearsed" | "validated";
  /** Whether this run went on from where an earlier one had stopped; the counts are those of both. */
  readonly resumed: boolean;
  /** Every distinct key ends in exactly one count. */
  readonly counts: Counts;
  /** Whether they do. */
  readonly addsUp: boolean;
  /** False: more keys than fit into memory were seen, and of the further ones repetitions may be counted twice. */
  readonly exact: boolean;
  readonly collections: Readonly<Record<string, Counts>>;
  /** Keys of no collection, by the pattern of their names. */
  readonly ignored: Readonly<Record<string, number>>;
  /** Some keys of each outcome, where nothing was written. */
  readonly samples: readonly Sample[];
  /** Deletes that a full repair log had left out. */
  readonly deletes: number;
  /** Collections of which nothing is known to be missing in Postgres any more. */
  readonly complete: readonly string[];
  /** Collections whose repair log left out entries during the run: it has to be run once more. */
  readonly overflowed: readonly string[];
  /** Whether the repair logs were empty at the end. */
  readonly logsEmpty: boolean;
  readonly elapsedMs: number;
}
