/** Reads a page of counters from Redis, the authority. */
import type { BoundCounters } from "../../engine/define-counters.js";
import type { HeldCounter } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";

/** Counters as Redis held them in one term. */
export interface CounterPage {
  readonly collection: BoundCounters;
  readonly term: number;
  readonly ids: readonly string[];
  readonly held: readonly HeldCounter[];
}

/** @throws FencedError when `term` isn't Redis's any more */
export async function readCounterPage(
  context: BothStores,
  collection: BoundCounters,
  ids: readonly string[],
  term: number,
): Promise<CounterPage> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectCounters(collection, ids, { term, mode: "changed" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  return { collection, term, ids, held };
}
