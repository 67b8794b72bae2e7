/** The backfill: copies what stood in Redis before, while traffic goes on. It can be killed at any time, and run again. */
import { BackfillFailedError, DualWriteError, type Issue } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { describe } from "../../stores/guard.js";
import { isTransient } from "../../stores/transient-errors.js";
import { ServerChangedError } from "../keyspace/keyspace-page.js";
import { type BothStores, type MigrationContext, PAGE_MS, withRedis } from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { persist, toBegin } from "../run/persist.js";
import { type ResolvedRun, resolveRun, runIssues } from "../run/run-options.js";
import { Samples } from "../run/samples.js";
import { BackfillLedger } from "./backfill-ledger.js";
import { BackfillPass, RejectLimitError } from "./backfill-pass.js";
import { type Chosen, chooseBackfill } from "./backfill-plan.js";
import type { BackfillOptions, BackfillReport } from "./backfill-report.js";
import { checkPage } from "./check-page.js";
import { copyPage } from "./copy-page.js";
import { finish, UNFINISHED } from "./finish.js";
import { readOverflows } from "./overflow.js";
import { rehearse } from "./rehearsal.js";
import { markOf } from "./run-mark.js";
import { takeBack } from "./undo.js";

export type { BackfillOptions, BackfillReport } from "./backfill-report.js";

/** Restarts of Redis that one call outlives. */
const SERVERS = 5;
const MAX_REJECTS = 1000;
/** One is decoded while the other is written. */
const PAGES_AT_ONCE = 2;
const MOST_PAGES = 16;

/**
 * Copies from Redis, the authority, to Postgres.
 * @throws StrategyError while Postgres is the authority; SchemaOutOfDateError; ConfigurationError; ConflictError while another
 *   run copies the same; BackfillFailedError;
 *   AuthorityUnavailableError when a store stays away: run it again, it goes on where it was
 */
export async function backfill(context: MigrationContext, options: BackfillOptions = {}): Promise<BackfillReport> {
  const { stores, chosen } = checkBackfill(context, options);
  const run = resolveRun(options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  if (!options.dryRun && !options.validateOnly) return copyAll(stores, chosen, options, run);
  const rehearsal = await persist("Reading the fences", toBegin(run), () => rehearse(stores));
  try {
    return await runOnce(rehearsal.context, chosen, { ...options, restart: true, resume: false }, run);
  } finally {
    await rehearsal.close();
  }
}

/** What a backfill would take in, before anything is asked or done. @throws ConfigurationError */
export function checkBackfill(context: MigrationContext, options: BackfillOptions = {}) {
  return { stores: withRedis(context), chosen: chooseBackfill(context, options, issuesOf(options)) };
}

async function copyAll(
  context: BothStores,
  chosen: Chosen,
  options: BackfillOptions,
  run: ResolvedRun,
): Promise<BackfillReport> {
  for (let servers = 1; ; servers++) {
    context.term.contradicted();
    await persist("Settling the term", toBegin(run), () => redisReign(context));
    try {
      return await runOnce(
        context,
        chosen,
        servers === 1 ? options : { ...options, resume: false, restart: true },
        run,
      );
    } catch (error) {
      // A place in the old server's keyspace means nothing to the new one: from the beginning, what is there is there.
      if (!(error instanceof ServerChangedError) || servers === SERVERS) throw error;
    }
  }
}

function issuesOf(options: BackfillOptions): Issue[] {
  const { concurrency, maxRejects, restart, resume, dryRun, validateOnly } = options;
  const issues = runIssues(options);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_PAGES))
    issues.push({ path: "concurrency", message: `a whole number from 1 to ${MOST_PAGES}` });
  if (maxRejects !== undefined && !(maxRejects >= 0)) issues.push({ path: "maxRejects", message: "a number from 0" });
  if (restart && resume) issues.push({ path: "resume", message: "not together with restart" });
  if (dryRun && validateOnly) issues.push({ path: "validateOnly", message: "not together with dryRun" });
  return issues;
}

async function runOnce(
  context: BothStores,
  chosen: Chosen,
  options: BackfillOptions,
  run: ResolvedRun,
): Promise<BackfillReport> {
  const began = performance.now();
  const mode = options.dryRun ? "rehearsed" : options.validateOnly ? "validated" : "copied";
  // Only a copy of everything makes good what a full log left out.
  const overflows =
    chosen.pattern === undefined
      ? await persist("Reading the repair logs", run, () => readOverflows(context, chosen.collections))
      : {};
  const begin = options.restart ? "anew" : options.resume ? "resumed" : "either";
  const ledger = await BackfillLedger.open(context, { plan: chosen.plan, overflows, begin, signal: options.signal });
  const samples = mode === "copied" ? null : new Samples(options.showKeys ?? false);
  const mark = markOf(ledger.id);
  const pass = new BackfillPass(context, ledger, {
    ...run,
    planned: new Set(chosen.names),
    pattern: chosen.pattern,
    concurrency: options.concurrency ?? (run.polite ? 1 : PAGES_AT_ONCE),
    maxRejects: mode === "copied" ? (options.maxRejects ?? MAX_REJECTS) : Number.POSITIVE_INFINITY,
    bring: (listing, states) =>
      mode === "validated" ? checkPage(context, listing, states) : copyPage(context, listing, states, mark),
    samples,
    onProgress: options.onProgress ?? (() => {}),
  });
  let state: "finished" | "stopped" | "abandoned" | "undone" = "stopped";
  try {
    if (mode === "copied") await markIncomplete(context, chosen, ledger);
    const atEnd = await pass.run();
    const ending = atEnd && mode === "copied" ? await finish(context, chosen, ledger, pass, run) : UNFINISHED;
    // A run that forgot a key is no evidence for anything.
    if (atEnd) state = ledger.tally.addsUp ? "finished" : "abandoned";
    const { counts, collections, ignored, deletes } = ledger.tally.toJSON();
    return {
      runId: ledger.id,
      state: atEnd ? "finished" : "stopped",
      mode,
      resumed: ledger.resumed,
      counts,
      addsUp: ledger.tally.addsUp,
      exact: pass.exact,
      collections,
      ignored,
      samples: samples?.all ?? [],
      deletes,
      ...ending,
      elapsedMs: Math.round(performance.now() - began),
    };
  } catch (error) {
    if (error instanceof ServerChangedError) state = "abandoned";
    if (mode !== "copied" || !isFailure(error, options)) throw error;
    const failure = await fail(context, chosen, ledger.id, error as Error, options.rollback ?? true, run);
    if (failure.undone) state = "undone";
    throw failure;
  } finally {
    const end = () => ledger.end(state);
    try {
      await (state === "finished" ? persist("Ending the run", run, end) : end().catch(() => {})); // Unended, it is found by the next run.
    } finally {
      await ledger.release();
    }
  }
}

/** What a full log left out is missing until the run has ended, whatever becomes of the run. */
async function markIncomplete(context: BothStores, { collections }: Chosen, ledger: BackfillLedger): Promise<void> {
  for (const collection of collections.filter(({ name }) => name in ledger.overflows))
    await context.postgres.attempt((store) => store.setComplete(collection, false), PAGE_MS);
}

/** Whether it would fail again: not where it was stopped, a store is away, or the authority moves. */
function isFailure(error: unknown, { signal }: BackfillOptions): boolean {
  if (error instanceof RejectLimitError) return true;
  return (
    !signal?.aborted && !(error instanceof ServerChangedError || error instanceof DualWriteError || isTransient(error))
  );
}

async function fail(
  context: BothStores,
  { collections }: Chosen,
  runId: string,
  cause: Error,
  rollback: boolean,
  run: ResolvedRun,
): Promise<BackfillFailedError> {
  const what = `The backfill ${runId} failed: ${describe(cause)}`;
  if (!rollback)
    return new BackfillFailedError(
      `${what}\nWhat it brought stays; run it again, or take it back with undo-backfill.`,
      { runId, undone: null },
      { cause },
    );
  try {
    const undone = await takeBack(context, runId, collections, { ...run, signal: undefined });
    const rows = Object.values(undone).reduce((sum, count) => sum + count, 0);
    return new BackfillFailedError(
      `${what}\nThe ${rows} rows that it brought are taken back.`,
      { runId, undone },
      { cause },
    );
  } catch (error) {
    return new BackfillFailedError(
      `${what}\nWhat it brought could not be taken back (${describe(error)}): run \`dual-write undo-backfill ${runId}\`.`,
      { runId, undone: null },
      { cause },
    );
  }
}
