/** Where the migration of a collection stands. */
import type { CollectionCount, VerifyRun } from "../../stores/postgres/control-records.js";
import type { StoreName } from "../../stores/state.js";
import type { Fence, LogStatus } from "../../stores/store.js";
import { type BoundCollection, type MigrationContext, PAGE_MS } from "../migration-context.js";
import type { Runs } from "./runs.js";
import { orNull } from "./store-status.js";

export interface CollectionStatus {
  /** Nothing of it is known to be missing there; null: the store doesn't answer, or has no fence yet. */
  readonly complete: Readonly<Record<StoreName, boolean | null>>;
  readonly repairLog: Readonly<Record<StoreName, LogStatus | null>>;
  readonly lastVerify: VerifyRun | null;
  /** What traffic met since then, by kind. */
  readonly divergences: Readonly<Record<string, number>>;
  /** What is set aside. */
  readonly rejects: number;
  /** The most frequent reasons, each with how often. */
  readonly rejectReasons: Readonly<Record<string, number>>;
}

/** Reasons that are told of a collection. */
const REASONS = 5;

export async function collectionStatus(
  context: MigrationContext,
  collection: BoundCollection,
  runs: Runs,
): Promise<CollectionStatus> {
  const of = ({ collection: name }: CollectionCount) => name === collection.name;
  const rejects = runs.rejects.filter(of);
  const [redis, postgres] = await Promise.all(
    (["redis", "postgres"] as const).map((name) => storeOf(context, name, collection)),
  );
  return {
    complete: { redis: redis?.complete ?? null, postgres: postgres?.complete ?? null },
    repairLog: { redis: redis?.log ?? null, postgres: postgres?.log ?? null },
    lastVerify: runs.verifies.find((run) => run.collection === collection.name) ?? null,
    divergences: Object.fromEntries(runs.divergences.filter(of).map(({ kind, count }) => [kind, count])),
    rejects: rejects.reduce((sum, { count }) => sum + count, 0),
    rejectReasons: Object.fromEntries(rejects.slice(0, REASONS).map(({ kind, count }) => [kind, count])),
  };
}

async function storeOf(context: MigrationContext, name: StoreName, collection: BoundCollection) {
  const guard = context[name];
  if (!guard) return null;
  const [log, reply] = await Promise.all([
    orNull(guard.attempt((store) => store.logStatus(collection), PAGE_MS)),
    // Nothing is read but the fence as it holds for this collection.
    orNull(
      guard.attempt<{ fence: Fence | null }>(
        (store) =>
          collection.kind === "records" ? store.inspectRecords(collection, []) : store.inspectCounters(collection, []),
        PAGE_MS,
      ),
    ),
  ]);
  return { log, complete: reply?.fence?.complete ?? null };
}
