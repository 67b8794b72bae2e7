/** How a store does: whether it answers, how soon, its fence, and how much it holds. */
import { describe, type Guard } from "../../stores/guard.js";
import { isMissingTable } from "../../stores/postgres/errors.js";
import { readTableSizes, type TableSize } from "../../stores/postgres/table-sizes.js";
import { readTransactionCount } from "../../stores/postgres/transaction-count.js";
import { type RedisMemory, readRedisMemory, readRedisOperations } from "../../stores/redis/server-facts.js";
import type { Fence } from "../../stores/store.js";
import { type MigrationContext, PAGE_MS } from "../migration-context.js";

export interface StoreStatus {
  readonly reachable: boolean;
  /** Why not, or why it answers and yet can't be used. */
  readonly error?: string;
  /** Round trip in milliseconds; null if it didn't answer. */
  readonly latencyMs: number | null;
  readonly fence: Fence | null;
  /** Redis: commands run, by whomever. Postgres: transactions ended in the database. Since the server began to count; null: it doesn't tell. */
  readonly operations: number | null;
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
  const status = await storeStatus(redis);
  const [memory, operations] = await Promise.all([
    orNull(redis.attempt((store) => readRedisMemory(store.connection.client), PAGE_MS)),
    orNull(redis.attempt((store) => readRedisOperations(store.connection.client), PAGE_MS)),
  ]);
  return { ...status, memory, operations };
}

export async function postgresStatus({ postgres, collections }: MigrationContext): Promise<PostgresStatus> {
  const status = await storeStatus(postgres);
  const [tables, operations] = await Promise.all([
    orNull(postgres.attempt((store) => readTableSizes(store.sql, collections), PAGE_MS)),
    orNull(postgres.attempt((store) => readTransactionCount(store.sql), PAGE_MS)),
  ]);
  return { ...status, tables: tables ?? [], operations };
}

/** The round trip is timed alone, and not with the connecting before it or other questions beside it. */
async function storeStatus(guard: Guard): Promise<Omit<StoreStatus, "operations">> {
  let latencyMs: number | null = null;
  try {
    await guard.attempt((store) => store.now(), PAGE_MS);
    const sent = performance.now();
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
