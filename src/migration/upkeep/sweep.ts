/** Removes rows that have been dead for the whole retention, all of them, in small batches. A backend does some of it each minute. */
import { ConfigurationError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { type BoundCollection, type MigrationContext, PAGE_MS } from "../migration-context.js";
import { Pace, rest } from "../run/pace.js";
import { persist, toBegin } from "../run/persist.js";
import { type RunOptions, resolveRun, runIssues } from "../run/run-options.js";

export interface SweepOptions extends RunOptions {
  readonly onProgress?: ((progress: { readonly collection: string; readonly removed: number }) => void) | undefined;
}

export interface SweepCounts {
  /** Confirmed deletes whose retention begins with this sweep. */
  readonly begun: number;
  readonly removed: number;
}

export interface SweepReport extends SweepCounts {
  readonly state: "finished" | "stopped";
  readonly collections: Readonly<Record<string, SweepCounts>>;
  /** Why rows stay that would else go; empty: nothing holds them. */
  readonly heldBack: readonly string[];
  readonly elapsedMs: number;
}

/** Safe while backends run, and others sweep. @throws AuthorityUnavailableError when Postgres stays away longer than `patienceMs`; SchemaOutOfDateError */
export async function sweep(context: MigrationContext, options: SweepOptions = {}): Promise<SweepReport> {
  const issues = runIssues(options);
  if (issues.length > 0) throw new ConfigurationError(issues);
  const began = performance.now();
  const run = resolveRun(options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  const pace = new Pace(run);
  const collections: Record<string, SweepCounts> = {};
  let state: SweepReport["state"] = "finished";
  for (const collection of context.collections) {
    const counts = { begun: 0, removed: 0 };
    collections[collection.name] = counts;
    for (let isMore = true; isMore && !run.signal?.aborted; ) {
      const sent = performance.now();
      const batch = await persist("Sweeping", run, () => sweepBatch(context, collection, run.pageSize));
      counts.begun += batch.begun;
      counts.removed += batch.removed;
      options.onProgress?.({ collection: collection.name, removed: counts.removed });
      isMore = Math.max(batch.begun, batch.removed) >= run.pageSize;
      const ms = pace.restAfter(batch.begun + batch.removed, performance.now() - sent);
      await rest(ms, run.signal).catch(() => {});
    }
  }
  if (run.signal?.aborted) state = "stopped";
  const sum = (part: keyof SweepCounts) => Object.values(collections).reduce((all, one) => all + one[part], 0);
  return {
    state,
    collections,
    begun: sum("begun"),
    removed: sum("removed"),
    heldBack: await heldBack(context),
    elapsedMs: Math.round(performance.now() - began),
  };
}

function sweepBatch({ postgres }: MigrationContext, collection: BoundCollection, limit: number): Promise<SweepCounts> {
  return postgres.attempt((store) => store.sweep(collection, limit), PAGE_MS);
}

async function heldBack({ postgres, evidence }: MigrationContext): Promise<string[]> {
  const [fence, backfills] = await Promise.all([
    postgres.attempt((store) => store.readFence(), PAGE_MS),
    evidence.unfinishedBackfills(),
  ]);
  return [
    ...(fence?.complete
      ? []
      : ["Postgres isn't complete yet: a row that is missing there means that Redis is to be asked."]),
    ...(backfills.length > 0 ? ["A backfill hasn't come to its end: what died since it began stays."] : []),
  ];
}
