/** Works off both repair logs, for fleets whose processes live too shortly to do it beside their requests. */
import { Drainer } from "../../engine/drainer.js";
import { checkSchema } from "../../schema/migrate.js";
import { setAside } from "../../strategy/set-aside.js";
import { type BothStores, type MigrationContext, PAGE_MS, withRedis } from "../migration-context.js";
import { settledReign } from "../redis-authority.js";
import { PATIENCE_MS, persist, toBegin } from "../run/persist.js";

export interface DrainOptions {
  /** Ends it after the batch under way. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DrainProgress) => void) | undefined;
}

export interface DrainProgress {
  /** Entries worked off. */
  readonly drained: number;
  /** Entries at the beginning; more may come meanwhile. */
  readonly total: number;
}

export interface DrainReport {
  readonly drained: number;
  /** Nothing is remembered for Redis any more, so there is nothing to drain. */
  readonly redisGivenUp: boolean;
}

/**
 * Resolves when both logs are empty. Safe while backends do the same.
 * @throws SchemaOutOfDateError; the signal's reason; what keeps a store from being reached when nothing moved for ten seconds
 */
export async function drain(
  context: MigrationContext,
  { signal, onProgress }: DrainOptions = {},
): Promise<DrainReport> {
  const patience = toBegin({ signal, patienceMs: PATIENCE_MS });
  await persist("Reaching Postgres", patience, () => checkSchema(context.postgres.store.sql));
  const fence = await context.postgres.attempt((store) => store.readFence(), PAGE_MS);
  if (fence?.redisGivenUp) return { drained: 0, redisGivenUp: true };
  const both = withRedis(context);
  await persist("Finding the authority", patience, () => settledReign(both));
  const total = await entriesOf(both);
  let drained = 0;
  const stop = both.events.on("repair", ({ count }) => {
    drained += count;
    onProgress?.({ drained, total: Math.max(total, drained) });
  });
  const drainer = new Drainer(both, {
    processId: both.processId,
    collections: both.collections,
    redis: () => both.redis,
    refuse: () => setAside(both),
  });
  try {
    await drainer.drain(signal);
  } finally {
    stop();
  }
  return { drained, redisGivenUp: false };
}

async function entriesOf({ redis, postgres, collections }: BothStores): Promise<number> {
  const statuses = await Promise.all(
    collections.flatMap((collection) =>
      [redis, postgres].map((guard) => guard.attempt((store) => store.logStatus(collection), PAGE_MS)),
    ),
  );
  return statuses.reduce((sum, { entries }) => sum + entries, 0);
}
