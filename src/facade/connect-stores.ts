/** Connects to both stores at once, and begins with what opening asks first. */
import { checkSchema } from "../schema/migrate.js";
import { Guard, PATIENCE_MS } from "../stores/guard.js";
import { PostgresStore } from "../stores/postgres/postgres-store.js";
import { RedisStore } from "../stores/redis/redis-store.js";
import type { Store } from "../stores/store.js";
import { strategies } from "../strategy/strategies.js";
import type { ResolvedOptions } from "./options.js";

export interface ConnectedStores {
  /** Null: none is configured, or it was given up. */
  readonly redis: RedisStore | null;
  readonly postgres: PostgresStore;
  /** The first look at the schema; undefined where it is to be applied. */
  readonly schema: Promise<void> | undefined;
}

export async function connectStores(options: ResolvedOptions): Promise<ConnectedStores> {
  const postgres = new PostgresStore({
    postgres: options.postgres,
    logLimit: options.logLimit,
    max: options.poolSize,
  });
  const schema = options.schema === "check" ? checkSchema((text) => postgres.run(text)) : undefined;
  // The connection for control records is made meanwhile too. What fails now is told by those who need it.
  for (const early of [schema, postgres.sql.unsafe("SELECT 1")]) early?.catch(() => {});
  try {
    const fence = strategies[options.strategy].redisOptional ? await postgres.readFence().catch(() => null) : null;
    return { redis: fence?.redisGivenUp ? null : await connectRedis(options), postgres, schema };
  } catch (error) {
    await Promise.allSettled([postgres.close()]);
    throw error;
  }
}

/** Null: none is configured. */
export async function connectRedis({ redis, logLimit }: ResolvedOptions): Promise<RedisStore | null> {
  return redis ? RedisStore.connect({ redis, logLimit }) : null;
}

/** A store as an operation's calls meet it. Where everybody's deadline is short, a short wait tells something of the store. */
export function guarded<S extends Store>({ coalesce, deadlines }: ResolvedOptions, store: S): Guard<S> {
  return new Guard(store, { coalesce, patienceMs: Math.min(PATIENCE_MS, deadlines.read / 2, deadlines.mirror / 2) });
}
