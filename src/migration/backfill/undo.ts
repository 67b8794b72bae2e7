/** Takes back what a backfill brought: the rows that it inserted and that nothing has touched since. */

import { randomUUID } from "node:crypto";
import { ConfigurationError, ConflictError, FencedError, GateRefusedError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { tableBlocks, undoRows } from "../../stores/postgres/statements/undo-backfill.js";
import {
  type BothStores,
  type BoundCollection,
  type MigrationContext,
  PAGE_MS,
  withRedis,
} from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { persist, toBegin } from "../run/persist.js";
import { RateMeter } from "../run/progress.js";
import { type ResolvedRun, type RunOptions, resolveRun } from "../run/run-options.js";
import { collectionsOf } from "./backfill-plan.js";
import { claim, claimWhenDead } from "./run-claim.js";
import { markOf } from "./run-mark.js";

export interface UndoOptions extends Pick<RunOptions, "patienceMs" | "signal"> {
  readonly onProgress?: ((progress: UndoProgress) => void) | undefined;
}

export interface UndoProgress {
  readonly phase: "undo";
  /** Blocks of tables. */
  readonly done: number;
  readonly total: number;
  readonly rate: number;
  readonly etaMs: number | null;
}

export interface UndoReport {
  readonly runId: string;
  /** Rows removed, by collection. */
  readonly removed: Readonly<Record<string, number>>;
}

/** Blocks looked through by one statement. */
const BLOCKS = 256;
/** The first stage whose authority is Postgres. */
const POSTGRES_STAGE = 2;

/**
 * What the library wrote, adopted or merged has a stamp and stays, and so does what a later run brought up to date; the usage
 * statistics stay too. The collections then count as not backfilled.
 * @throws GateRefusedError while a process of a stage whose authority is Postgres lives; StrategyError while Postgres is it;
 *   ConfigurationError for a run that isn't known; ConflictError while it runs
 */
export async function undoBackfill(
  context: MigrationContext,
  runId: string,
  options: UndoOptions = {},
): Promise<UndoReport> {
  const stores = withRedis(context);
  const run = resolveRun(options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  const found = await context.evidence.findBackfill(runId);
  if (!found)
    throw new ConfigurationError([
      { path: "run", message: `there is no backfill ${runId}; \`dual-write status\` names the last` },
    ]);
  context.term.contradicted();
  await persist("Settling the term", toBegin(run), () => redisReign(stores));
  await refuseLaterStages(stores);
  const owner = randomUUID();
  if (!(await claimWhenDead(stores, runId, owner, options.signal)))
    throw new ConflictError(`The backfill ${runId} is running. Stop it first.`);
  try {
    const names = collectionsOf(found.plan);
    const collections = context.collections.filter(({ name }) => names.includes(name));
    const removed = await takeBack(stores, runId, collections, run, options.onProgress);
    await persist("Ending the run", run, () => context.evidence.endBackfill(runId, "undone"));
    return { runId, removed };
  } finally {
    await claim(stores, runId, owner, 1).catch(() => {}); // It ends by itself too.
  }
}

async function refuseLaterStages({ redis, postgres }: BothStores): Promise<void> {
  const looks = await Promise.all([
    postgres.attempt((store) => store.readLeases(), PAGE_MS),
    redis.attempt((store) => store.readLeases(), PAGE_MS),
  ]);
  const later = looks.flat().filter(({ stage }) => stage >= POSTGRES_STAGE);
  if (later.length === 0) return;
  const processes = [...new Set(later.map(({ host, pid, strategy }) => `${host}:${pid} ${strategy}`))];
  throw new GateRefusedError([
    {
      name: "nobody waits for Postgres to be the authority",
      passed: false,
      figure: processes.join(", "),
      remedy: "Take these processes back to DUAL_WRITE first: `dual-write rollback`.",
    },
  ]);
}

/**
 * Before a row goes its collection is incomplete, so that a miss means "look in Redis".
 * @throws FencedError when the authority moved meanwhile
 */
export async function takeBack(
  context: BothStores,
  runId: string,
  collections: readonly BoundCollection[],
  run: ResolvedRun,
  onProgress?: (progress: UndoProgress) => void,
): Promise<Record<string, number>> {
  const { postgres, evidence } = context;
  const { sql } = postgres.store;
  const removed: Record<string, number> = {};
  const rates = new RateMeter();
  const blocks = new Map<BoundCollection, number>();
  for (const collection of collections)
    blocks.set(
      collection,
      await persist("Measuring the tables", run, () => postgres.attempt(() => tableBlocks(sql, collection), PAGE_MS)),
    );
  const total = [...blocks.values()].reduce((sum, count) => sum + count, 0);
  let done = 0;
  await persist("Retracting the evidence", run, () => evidence.retractBackfills(collections.map(({ name }) => name)));
  for (const [collection, count] of blocks) {
    await persist("Marking what is incomplete", run, () =>
      postgres.attempt((store) => store.setComplete(collection, false), PAGE_MS),
    );
    removed[collection.name] = 0;
    for (let from = 0; from < count; from += BLOCKS) {
      run.signal?.throwIfAborted();
      const part = { mark: markOf(runId), from, to: Math.min(count, from + BLOCKS) };
      removed[collection.name] =
        (removed[collection.name] as number) +
        (await persist("Taking rows back", run, () => takePart(context, collection, part)));
      done += part.to - from;
      onProgress?.({ phase: "undo", done, total, ...rates.measure(done, total - done) });
    }
  }
  return removed;
}

async function takePart(
  context: BothStores,
  collection: BoundCollection,
  part: { readonly mark: string; readonly from: number; readonly to: number },
): Promise<number> {
  const { term } = await redisReign(context);
  const { postgres } = context;
  const removed = await postgres.attempt(({ sql }) => undoRows(sql, collection, { term, ...part }), PAGE_MS);
  if (removed !== null) return removed;
  context.term.contradicted();
  throw new FencedError("The term changed while rows were taken back.");
}
