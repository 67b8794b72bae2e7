/** Where the migration stands: fleet, gate, stores, repair logs, runs, differences and rejects, as far as the stores answer. */
import { reignOf } from "../../engine/term-view.js";
import type { GateCheck } from "../../errors.js";
import type { DivergenceHour } from "../../stores/postgres/divergence-times.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import type { Fence, Lease } from "../../stores/store.js";
import { liveLeases } from "../../strategy/membership.js";
import { lookAtFleet } from "../flip/fleet-look.js";
import { askGate } from "../flip/flip-plan.js";
import type { MigrationContext } from "../migration-context.js";
import { type CollectionStatus, collectionStatus } from "./collection-status.js";
import { type LastBackfill, readRuns } from "./runs.js";
import { orNull, type PostgresStatus, postgresStatus, type RedisStatus, redisStatus } from "./store-status.js";

export interface MigrationStatus {
  readonly authority: StoreName | null;
  readonly term: number | null;
  readonly redisGivenUp: boolean;
  /** Null: no connection to it is configured. */
  readonly stores: { readonly redis: RedisStatus | null; readonly postgres: PostgresStatus };
  /** Live processes of the fleet. */
  readonly processes: readonly Lease[];
  /** What the gate says to moving the authority to the other store; null: there is none to ask about, or it couldn't be asked. */
  readonly gate: { readonly to: StoreName; readonly checks: readonly GateCheck[] } | null;
  /** Age of the oldest repair-log entry of either store. Milliseconds. */
  readonly lagMs: number;
  /** Reads that the live processes compared with the mirror, and how many differed. */
  readonly samples: { readonly compared: number; readonly differed: number };
  /** What traffic met in the last day, by hour. */
  readonly divergenceHours: readonly DivergenceHour[];
  readonly lastBackfill: LastBackfill | null;
  readonly collections: Readonly<Record<string, CollectionStatus>>;
}

/** Never rejects for a store that is away: it says so. */
export async function readStatus(context: MigrationContext): Promise<MigrationStatus> {
  const [redis, postgres] = await Promise.all([redisStatus(context), postgresStatus(context)]);
  const reign = reignOf({ redis: fenceOf(redis), postgres: fenceOf(postgres) });
  const redisGivenUp = postgres.fence?.redisGivenUp ?? false;
  const [leases, runs] = await Promise.all([liveLeases(context), readRuns(context)]);
  const collections: [string, CollectionStatus][] = [];
  for (const collection of context.collections)
    collections.push([collection.name, await collectionStatus(context, collection, runs)]);
  const logs = collections.flatMap(([, { repairLog }]) => Object.values(repairLog));
  const processes = [...(leases ?? [])].sort((a, b) => a.stage - b.stage);
  return {
    authority: reign?.authority ?? null,
    term: reign?.term ?? null,
    redisGivenUp,
    stores: { redis, postgres },
    processes,
    gate: reign && !redisGivenUp ? await orNull(gateOf(context, otherStore(reign.authority))) : null,
    lagMs: Math.max(0, ...logs.map((log) => log?.lagMs ?? 0)),
    samples: {
      compared: processes.reduce((sum, { samples }) => sum + (samples?.compared ?? 0), 0),
      differed: processes.reduce((sum, { samples }) => sum + (samples?.differed ?? 0), 0),
    },
    divergenceHours: runs.divergenceHours,
    lastBackfill: runs.backfill,
    collections: Object.fromEntries(collections),
  };
}

async function gateOf(context: MigrationContext, to: StoreName) {
  return { to, checks: await askGate(context, await lookAtFleet(context), to) };
}

function fenceOf(status: RedisStatus | PostgresStatus | null): Fence | null | undefined {
  return status?.reachable ? status.fence : undefined;
}
