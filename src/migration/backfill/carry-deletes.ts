/**
 * Tells Postgres of deletes and expiries that the repair log had no room for. What is deleted or expired has no key to be listed, but
 * its companion stands; so where a log overflowed, the pass over the keyspace looks at companions too.
 */
import { stateOf } from "../../engine/refetch.js";
import { FencedError } from "../../errors.js";
import type { ApplyResult, Fenced } from "../../stores/store.js";
import type { BoundCollection } from "../migration-context.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";

/**
 * Returns how many of what has ended Postgres hadn't heard of. `bare`: what Redis has no trace of has ended too.
 * @throws FencedError when `term` isn't Redis's any more
 */
export async function carryDeletes(
  context: BothStores,
  companions: ReadonlyMap<BoundCollection, readonly string[]>,
  term: number,
  mode: "changed" | "bare" = "changed",
): Promise<number> {
  let carried = 0;
  for (const [collection, ids] of companions) {
    const { reply, ended } = await (collection.kind === "records"
      ? endedRecords(context, collection, ids, { term, mode })
      : endedCounters(context, collection, ids, { term, mode }));
    if (reply.fenced) {
      context.term.contradicted();
      throw new FencedError("The term changed while deletes were carried over.");
    }
    carried += reply.results.filter(({ kind }, i) => kind === "applied" && ended[i]).length;
  }
  return carried;
}

interface Carried {
  readonly reply: Fenced<ApplyResult>;
  /** Which of what was sent has ended; what only will, could do so before its key is listed. */
  readonly ended: readonly boolean[];
}

interface Adopt {
  readonly term: number;
  readonly mode: "changed" | "bare";
}

const NOTHING: Carried = { reply: { fenced: false, results: [] }, ended: [] };

async function endedRecords(
  context: BothStores,
  collection: Extract<BoundCollection, { kind: "records" }>,
  ids: readonly string[],
  adopt: Adopt,
): Promise<Carried> {
  const { fence, held } = await context.redis.attempt((store) => store.inspectRecords(collection, ids, adopt), PAGE_MS);
  checkReply(context, fence, adopt.term);
  const sent = held.flatMap((one, i) => {
    const state = one.kind === "value" && one.expiresAt === null ? null : stateOf(one);
    return state ? [{ id: ids[i] as string, state, ended: one.kind !== "value" }] : [];
  });
  if (sent.length === 0) return NOTHING;
  const reply = await context.postgres.attempt((store) => store.applyRecords(collection, adopt.term, sent), PAGE_MS);
  return { reply, ended: sent.map(({ ended }) => ended) };
}

async function endedCounters(
  context: BothStores,
  collection: Extract<BoundCollection, { kind: "counters" }>,
  ids: readonly string[],
  adopt: Adopt,
): Promise<Carried> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectCounters(collection, ids, adopt),
    PAGE_MS,
  );
  checkReply(context, fence, adopt.term);
  const sent = held.flatMap((one, i) => {
    const id = ids[i] as string;
    if (one.kind === "absent" && one.last) return [{ id, state: one.last, ended: true }];
    return one.kind === "value" && one.expiresAt !== null ? [{ id, state: one, ended: false }] : [];
  });
  if (sent.length === 0) return NOTHING;
  const reply = await context.postgres.attempt((store) => store.applyCounters(collection, adopt.term, sent), PAGE_MS);
  return { reply, ended: sent.map(({ ended }) => ended) };
}
