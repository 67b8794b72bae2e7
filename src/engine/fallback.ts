/** Decides whether and how the store that isn't the authority answers a read that failed. */
import { type BulkheadPolicy, bulkhead } from "cockatiel";
import { AuthorityUnavailableError } from "../errors.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { otherStore, type StoreName } from "../stores/state.js";
import { type EngineContext, guardOf } from "./context.js";
import { events } from "./events.js";

/** At most this many fallback reads at once, and as many waiting: the herd must not take the other store down too. */
const HERD = 128;

/** The bound of one opened store's fallback reads. */
export function newHerd(): BulkheadPolicy {
  return bulkhead(HERD, HERD);
}

/** Share of a read's time that the authority gets before the other store is asked. */
export const PRIMARY_SHARE = 0.6;

/**
 * Asks the other store after `failed` gave no answer.
 * @throws AuthorityUnavailableError when this strategy has no fallback, or it fails as well
 */
export async function fallback<T>(
  context: EngineContext,
  operation: Operation,
  collection: string,
  count: number,
  failed: StoreName,
  reason: unknown,
  read: (guard: Guard, timeoutMs: number) => Promise<T>,
): Promise<{ store: StoreName; value: T }> {
  const store = otherStore(failed);
  const guard = guardOf(context, store);
  const why = describe(reason);
  if (!guard || !context.policy().fallback) {
    throw new AuthorityUnavailableError(
      `${failed} could not be read (${why}) and this strategy has no other store to ask. Retry when it is back.`,
      {
        cause: reason,
      },
    );
  }
  try {
    const value = await context.herd.execute(() => read(guard, Math.max(1, operation.remaining)));
    context.events.emit("fallback", events.fallback(collection, failed, store, count, why));
    return { store, value };
  } catch (error) {
    throw new AuthorityUnavailableError(
      `Neither store could be read: ${failed} (${why}), ${store} (${describe(error)}). Nothing is known; retry when one is back.`,
      { cause: error },
    );
  }
}
