/** Where the migration stands: processes, term, completeness, repair logs, runs, differences and rejects, as far as the stores answer. */

import { reignOf } from "../../engine/term-view.js";
import { describe } from "../../stores/guard.js";
import type { CollectionCount, VerifyRun } from "../../stores/postgres/control-records.js";
import type { StoreName } from "../../stores/state.js";
import type { Fence, Lease, LogStatus } from "../../stores/store.js";
import { type BoundCollection, type MigrationContext, PAGE_MS } from "../migration-context.js";
import type { Counts } from "../run/tally.js";

export interface StoreStatus {
  readonly reachable: boolean;
  /** Why not. */
  readonly error?: string;
  readonly fence: Fence | null;
}

export interface CollectionStatus {
  /** Nothing of it is known to be missing there; null: the store doesn't answer, or has no fence yet. */
  readonly complete: Readonly<Record<StoreName, boolean | null>>;
  readonly repairLog: Readonly<Record<StoreName, LogStatus | null>>;
  readonly lastVerify: VerifyRun | null;
  /** What traffic met since then, by kind. */
  readonly divergences: Readonly<Record<string, number>>;
  readonly rejects: number;
}

export interface MigrationStatus {
  readonly authority: StoreName | null;
  readonly term: number | null;
  readonly redisGivenUp: boolean;
  readonly stores: Readonly<Record<StoreName, StoreStatus | null>>;
  /** Live processes of the fleet. */
  readonly processes: readonly Lease[];
  /** Age of the oldest repair-log entry of either store. Milliseconds. */
  readonly lagMs: number;
  readonly lastBackfill: {
    readonly state: string;
    readonly startedAt: Date;
    readonly finishedAt: Date | null;
    readonly counts: Counts | null;
  } | null;
  readonly collections: Readonly<Record<string, CollectionStatus>>;
}

/** Never rejects for a store that is away: it says so. `redis` null: no connection is configured. */
export async function readStatus(context: MigrationContext): Promise<MigrationStatus> {
  const [redis, postgres] = await Promise.all([storeStatus(context, "redis"), storeStatus(context, "postgres")]);
  const fences = { redis: fenceOf(redis), postgres: fenceOf(postgres) };
  const reign = reignOf(fences);
  const [leases, runs] = await Promise.all([readLeases(context), readRuns(context)]);
  const collections: [string, CollectionStatus][] = [];
  for (const collection of context.collections)
    collections.push([collection.name, await collectionStatus(context, collection, runs)]);
  const logs = collections.flatMap(([, { repairLog }]) => Object.values(repairLog));
  return {
    authority: reign?.authority ?? null,
    term: reign?.term ?? null,
    redisGivenUp: postgres?.fence?.redisGivenUp ?? false,
    stores: { redis, postgres },
    processes: leases,
    lagMs: Math.max(0, ...logs.map((log) => log?.lagMs ?? 0)),
    lastBackfill: runs.backfill,
    collections: Object.fromEntries(collections),
  };
}

function fenceOf(status: StoreStatus | null): Fence | null | undefined {
  return status?.reachable ? status.fence : undefined;
}

async function storeStatus(context: MigrationContext, name: StoreName): Promise<StoreStatus | null> {
  const guard = context[name];
  if (!guard) return null;
  try {
    return { reachable: true, fence: await guard.attempt((store) => store.readFence(), PAGE_MS) };
  } catch (error) {
    return { reachable: false, error: describe(error), fence: null };
  }
}

/** A process is alive if either store says so. */
async function readLeases(context: MigrationContext): Promise<Lease[]> {
  const looks = await Promise.all(
    (["redis", "postgres"] as const).map(
      async (name) => (await orNull(context[name]?.attempt((store) => store.readLeases(), PAGE_MS))) ?? [],
    ),
  );
  return [...new Map(looks.flat().map((lease) => [lease.processId, lease])).values()].sort((a, b) => a.stage - b.stage);
}

interface Runs {
  readonly backfill: MigrationStatus["lastBackfill"];
  readonly verifies: readonly VerifyRun[];
  readonly divergences: readonly CollectionCount[];
  readonly rejects: readonly CollectionCount[];
}

async function readRuns({ evidence }: MigrationContext): Promise<Runs> {
  const [last, verifies, findings] = await Promise.all([
    orNull(evidence.lastBackfill()),
    orNull(evidence.lastVerifies()),
    orNull(evidence.findings()),
  ]);
  const kept = last?.counts as { counts?: Counts } | null | undefined;
  return {
    backfill: last && {
      state: last.state,
      startedAt: last.startedAt,
      finishedAt: last.finishedAt,
      counts: kept?.counts ?? null,
    },
    verifies: verifies ?? [],
    divergences: findings?.divergences ?? [],
    rejects: findings?.rejects ?? [],
  };
}

async function collectionStatus(
  context: MigrationContext,
  collection: BoundCollection,
  runs: Runs,
): Promise<CollectionStatus> {
  const of = ({ collection: name }: CollectionCount) => name === collection.name;
  const [redis, postgres] = await Promise.all(
    (["redis", "postgres"] as const).map((name) => storeOf(context, name, collection)),
  );
  return {
    complete: { redis: redis?.complete ?? null, postgres: postgres?.complete ?? null },
    repairLog: { redis: redis?.log ?? null, postgres: postgres?.log ?? null },
    lastVerify: runs.verifies.find((run) => run.collection === collection.name) ?? null,
    divergences: Object.fromEntries(runs.divergences.filter(of).map(({ kind, count }) => [kind, count])),
    rejects: runs.rejects.filter(of).reduce((sum, { count }) => sum + count, 0),
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

/** The store is away, or its tables aren't there yet: told by its own status. */
function orNull<T>(look: Promise<T> | undefined): Promise<T | null> {
  return look ? look.catch(() => null) : Promise.resolve(null);
}
