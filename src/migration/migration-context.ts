/** What every part of the migration needs. */
import type { BoundCounters } from "../engine/define-counters.js";
import type { BoundRecords } from "../engine/define-records.js";
import { ConfigurationError } from "../errors.js";
import type { Guard } from "../stores/guard.js";
import type { ControlRecords } from "../stores/postgres/control-records.js";
import type { PostgresStore } from "../stores/postgres/postgres-store.js";
import type { RedisStore } from "../stores/redis/redis-store.js";
import type { FleetContext } from "../strategy/fleet-context.js";

// biome-ignore lint/suspicious/noExplicitAny: a collection's value type is its own affair
export type BoundCollection = BoundRecords<any> | BoundCounters;

export interface MigrationContext extends FleetContext {
  /** Null: no URL was given, or Redis was given up. */
  readonly redis: Guard<RedisStore> | null;
  readonly postgres: Guard<PostgresStore>;
  readonly evidence: ControlRecords;
  /** In the order of migration: critical first. */
  readonly collections: readonly BoundCollection[];
  readonly prefix: string;
  readonly zone: string;
}

/** The same, with both stores. */
export interface BothStores extends MigrationContext {
  readonly redis: Guard<RedisStore>;
}

/** How long one store call on a page may take. Milliseconds. */
export const PAGE_MS = 15_000;

/** @throws ConfigurationError where there is no Redis */
export function withRedis(context: MigrationContext): BothStores {
  if (context.redis) return context as BothStores;
  throw new ConfigurationError([
    { path: "redis", message: "missing: this needs both stores; set REDIS_URL, or give its URL" },
  ]);
}

/** Lets go of both stores. */
export async function closeContext({ redis, postgres }: MigrationContext): Promise<void> {
  redis?.stop();
  postgres.stop();
  await Promise.allSettled([redis?.store.close(), postgres.store.close()]);
}
