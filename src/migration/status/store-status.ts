/** How a store does: whether it answers, how soon, its fence, and how much it holds. */
import { describe, type Guard } from "../../stores/guard.js";
import { isMissingTable } from "../../stores/postgres/errors.js";
import { readTableSizes, type TableSize } from "../../stores/postgres/table-sizes.js";
import { type RedisMemory, readRedisMemory } from "../../stores/redis/server-facts.js";
import type { Fence } from "../../stores/store.js";
import { type MigrationContext, PAGE_MS } from "../migration-context.js";

export interface StoreStatus {
  readonly reachable: boolean;
  /** Why not, or why it answers and yet can't be used. */
  readonly error?: string;
  /** Round trip in milliseconds; null if it didn't answer. */
  readonly latencyMs: number | null;
  readonly fence: Fence | null;
}

export interface RedisStatus extends StoreStatus {
  /** Null: it doesn't tell. */
  readonly memory: RedisMemory | null;
}

export interface PostgresStatus extends StoreStatus {
  /** The largest first. */
  readonly tables: readonly TableSize[];
}

/** Null: no connection is configured. */
export async function redisStatus({ redis }: MigrationContext): Promise<RedisStatus | null> {
  if (!redis) return null;
  const [status, memory] = await Promise.all([
    storeStatus(redis),
    orNull(redis.attempt((store) => readRedisMemory(store.connection.client), PAGE_MS)),
  ]);
  return { ...status, memory };
}

export async function postgresStatus({ postgres, collections }: MigrationContext): Promise<PostgresStatus> {
  const [status, tables] = await Promise.all([
    storeStatus(postgres),
    orNull(postgres.attempt((store) => readTableSizes(store.sql, collections), PAGE_MS)),
  ]);
  return { ...status, tables: tables ?? [] };
}

async function storeStatus(guard: Guard): Promise<StoreStatus> {
  const sent = performance.now();
  let latencyMs: number | null = null;
  try {
    await guard.attempt((store) => store.now(), PAGE_MS);
    latencyMs = Math.round((performance.now() - sent) * 100) / 100;
    return { reachable: true, latencyMs, fence: await guard.attempt((store) => store.readFence(), PAGE_MS) };
  } catch (cause) {
    const error = isMissingTable(cause) ? "it has no schema yet: run `dual-write migrate-schema`" : describe(cause);
    return { reachable: latencyMs !== null, latencyMs, error, fence: null };
  }
}

/** The store is away, or its tables aren't there yet: told by its own status. */
export function orNull<T>(look: Promise<T> | undefined): Promise<T | null> {
  return look ? look.catch(() => null) : Promise.resolve(null);
}
