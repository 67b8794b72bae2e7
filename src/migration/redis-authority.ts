/** Makes sure that Redis decides, and knows all it should, before anything is copied from it. */
import { type Reign, reignOf } from "../engine/term-view.js";
import { FencedError, StrategyError } from "../errors.js";
import type { Fence } from "../stores/store.js";
import { settleFences } from "../strategy/recovery.js";
import { refillRedis, refusesFilling } from "../strategy/refill.js";
import type { BothStores, MigrationContext } from "./migration-context.js";

/**
 * The present reign, whoever's. Sets up fences that were never there, and brings a Redis that lost its memory to its senses,
 * as every process of the fleet does: there may be none yet.
 * @throws FencedError while that isn't settled: retry
 */
export async function settledReign(context: MigrationContext): Promise<Reign> {
  if (context.term.reign) return context.term.reign;
  const settlement = await settleFences(context, false);
  const fences = await context.term.refresh();
  const reign: Reign | null = reignOf(fences);
  // Without Redis's own word it isn't known whether it lost its memory.
  const isSilent = context.redis !== null && !fences.redis && !fences.postgres?.redisGivenUp;
  if (!reign || !settlement.settled || isSilent) {
    context.term.contradicted();
    throw new FencedError(
      settlement.settled ? "The authority is being moved. Retry in a moment." : `Waiting for ${settlement.waitingFor}.`,
    );
  }
  if (fences.redis?.complete === false && !fences.postgres?.redisGivenUp) {
    context.term.contradicted();
    const refilled = await refillRedis(context, reign.term);
    if (refilled === "refused") throw refusesFilling();
    if (refilled !== "done")
      throw new FencedError("Redis lost its memory and is being refilled. Retry when it holds everything again.");
    await context.term.refresh();
  }
  return reign;
}

/** @throws StrategyError while Postgres is the authority; FencedError while that isn't settled: retry */
export async function redisReign(context: BothStores): Promise<Reign> {
  return refuseUnlessRedis(await settledReign(context));
}

/** @throws StrategyError while Postgres is the authority */
export function refuseUnlessRedis(reign: Reign): Reign {
  if (reign.authority === "redis") return reign;
  throw new StrategyError(
    `Postgres is the authority (term ${reign.term}), so nothing may be copied over it from Redis. Backfill runs before POSTGRES_PRIMARY; to go back, flip to DUAL_WRITE first.`,
  );
}

/** Checks what came along with a page of Redis. @throws FencedError when it was read under another term, or from a Redis that lost its memory */
export function checkReply(context: BothStores, fence: Fence | null, term: number): void {
  // What a Redis that serves alone counts is added to Postgres's when both agree, so it may not be there already.
  const isAgreed = fence?.agreed !== false;
  if (fence?.role === "authority" && fence.term === term && fence.complete && isAgreed) return;
  context.term.contradicted();
  throw new FencedError("The term changed while Redis was read.");
}
