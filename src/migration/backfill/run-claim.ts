/** Which process runs a backfill: a claim in Redis that it renews, so that of a run whose process was killed the claim ends. */
import type { BothStores } from "../migration-context.js";
import { rest } from "../run/pace.js";

/** A run whose process stopped renewing its claim this long ago was killed; another may go on with it. Milliseconds. */
export const CLAIM_MS = 3000;
const CALL_MS = 2000;

/** False: it is another's. */
export function claim(context: BothStores, id: string, owner: string, ms: number): Promise<boolean> {
  return context.redis.attempt((store) => store.claimTask(`backfill:${id}`, owner, ms), CALL_MS);
}

/** Waits for the end of a claim whose process may have been killed just now. False: it lives, so the run is its own. */
export async function claimWhenDead(
  context: BothStores,
  id: string,
  owner: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + CLAIM_MS + 500;
  while (!(await claim(context, id, owner, CLAIM_MS))) {
    if (performance.now() > until) return false;
    await rest(200, signal);
  }
  return true;
}
