/**
 * Tells Postgres of deletes that the repair log had no room for. A deleted record has no key to be listed, but its companion
 * stands; so where a log overflowed, the pass over the keyspace looks at companions too.
 */
import { stateOf } from "../../engine/refetch.js";
import { FencedError } from "../../errors.js";
import type { ApplyResult, Fenced } from "../../stores/store.js";
import type { BoundCollection } from "../migration-context.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";

/** Returns how many deletes Postgres hadn't heard of. @throws FencedError when `term` isn't Redis's any more */
export async function carryDeletes(
  context: BothStores,
  companions: ReadonlyMap<BoundCollection, readonly string[]>,
  term: number,
): Promise<number> {
  let carried = 0;
  for (const [collection, ids] of companions) {
    const reply = await (collection.kind === "records"
      ? tombstones(context, collection, ids, term)
      : endedCounters(context, collection, ids, term));
    if (reply.fenced) {
      context.term.contradicted();
      throw new FencedError("The term changed while deletes were carried over.");
    }
    carried += reply.results.filter(({ kind }) => kind === "applied").length;
  }
  return carried;
}

const NOTHING: Fenced<ApplyResult> = { fenced: false, results: [] };

async function tombstones(
  context: BothStores,
  collection: Extract<BoundCollection, { kind: "records" }>,
  ids: readonly string[],
  term: number,
): Promise<Fenced<ApplyResult>> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectRecords(collection, ids, { term, mode: "changed" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  const states = held.flatMap((one, i) => {
    const state = one.kind === "tombstone" ? stateOf(one) : null;
    return state ? [{ id: ids[i] as string, state }] : [];
  });
  if (states.length === 0) return NOTHING;
  return context.postgres.attempt((store) => store.applyRecords(collection, term, states), PAGE_MS);
}

async function endedCounters(
  context: BothStores,
  collection: Extract<BoundCollection, { kind: "counters" }>,
  ids: readonly string[],
  term: number,
): Promise<Fenced<ApplyResult>> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectCounters(collection, ids, { term, mode: "changed" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  const states = held.flatMap((one, i) =>
    one.kind === "absent" && one.last ? [{ id: ids[i] as string, state: one.last }] : [],
  );
  if (states.length === 0) return NOTHING;
  return context.postgres.attempt((store) => store.applyCounters(collection, term, states), PAGE_MS);
}
