/** What must be copied into Redis before processes may use it again. */
import { StrategyError } from "../../errors.js";
import { takeRedisBack } from "../../strategy/give-up.js";
import { type MigrationContext, PAGE_MS, withRedis } from "../migration-context.js";
import { settledReign } from "../redis-authority.js";
import { PATIENCE_MS, persist } from "../run/persist.js";
import type { FleetLook } from "./fleet-look.js";

/** `take back`: everything, into an emptied keyspace. `fill`: the rest, since an earlier copy was stopped or Redis lost its memory. */
export type CopyBack = "take back" | "fill" | null;

export function copyBackNeeded({ fences, reign }: FleetLook): CopyBack {
  if (fences.postgres?.redisGivenUp) return "take back";
  return reign?.authority === "postgres" && fences.redis?.complete === false ? "fill" : null;
}

/** @throws StrategyError before anything is changed, if this Redis can't be copied into */
export async function checkCopyBack(context: MigrationContext, need: CopyBack): Promise<void> {
  if (need !== "take back") return;
  const { redis } = withRedis(context);
  if (await redis.attempt((store) => store.isEmpty(), PAGE_MS)) return;
  throw new StrategyError(
    "Redis was given up, and this one holds keys, which may be older than what Postgres has. Make sure that it is the right one and that nobody uses it, empty it (FLUSHDB), then run this again.",
  );
}

export async function copyBack(
  context: MigrationContext,
  need: CopyBack,
  { reason, signal, progress }: CopyBackOptions,
): Promise<void> {
  if (need === "take back")
    await takeRedisBack(context, reason, { ...(signal && { signal }), ...(progress && { progress }) });
  // Another process may be at it: it is waited for.
  if (need === "fill")
    await persist("Filling Redis", { signal, patienceMs: PATIENCE_MS }, () => {
      context.term.contradicted();
      return settledReign(context);
    });
}

export interface CopyBackOptions {
  readonly reason: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of the rows copied so far. */
  readonly progress?: ((copied: number) => void) | undefined;
}
