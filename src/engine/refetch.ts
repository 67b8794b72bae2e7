/** Fetches from the other store what an incomplete authority lacks or can't vouch for, and puts it back. */
import { FencedError } from "../errors.js";
import type { CounterCollection, RecordCollection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { type CounterState, otherStore, type RecordState, type StoreName } from "../stores/state.js";
import type { ApplyResult, Fence, Fenced, HeldCounter, HeldRecord, Store } from "../stores/store.js";
import { type EngineContext, guardOf } from "./context.js";
import { PRIMARY_SHARE } from "./fallback.js";

export interface Incomplete {
  readonly store: StoreName;
  readonly fence: Fence;
}

/** The state a held record would travel as; null where there is nothing to tell. An expired one travels as its own delete. */
export function stateOf(held: HeldRecord): RecordState | null {
  switch (held.kind) {
    case "value":
      return { stamp: held.stamp, bytes: held.bytes, expiresAt: held.expiresAt, operations: held.operations };
    case "tombstone":
    case "expired":
      return held.stamp > 0 ? { stamp: held.stamp, bytes: null, expiresAt: null, operations: held.operations } : null;
    default:
      return null;
  }
}

/**
 * The same of a counter that `from` holds. What expired in Postgres travels with its end, its operations and its generation; in Redis
 * an absence may be a bypass writer's delete.
 */
export function counterStateOf(held: HeldCounter, from: StoreName): CounterState | null {
  if (held.kind === "value") return held;
  return held.kind === "absent" && from === "postgres" ? (held.last ?? null) : null;
}

/** Which of two stores' records is the later truth; on a tie the first, the authority's own. */
export function newerOf(mine: HeldRecord, theirs: HeldRecord): HeldRecord {
  if (theirs.kind === "absent" || theirs.kind === "unreadable" || theirs.kind === "vanished") return mine;
  if (mine.kind === "absent") return theirs;
  if (mine.kind === "unreadable") return mine;
  return theirs.stamp > mine.stamp ? theirs : mine;
}

/**
 * What the other store holds of these records, put back into the incomplete authority under the term of the read. A `FencedError`:
 * the authority is to be asked anew; another error: the other store can't be asked.
 */
export async function fetchMissing(
  context: EngineContext,
  collection: RecordCollection,
  ids: readonly string[],
  operation: Operation,
  incomplete: Incomplete,
): Promise<Map<string, HeldRecord> | Error> {
  const other = guardOf(context, otherStore(incomplete.store));
  const authority = guardOf(context, incomplete.store);
  if (!other || !authority) return new Error("the other store isn't connected");
  try {
    const { fence, held } = await other.attempt(
      (store) => store.inspectRecords(collection, ids),
      Math.max(1, operation.remaining),
    );
    if (isOver(incomplete, fence)) return new FencedError("The other store is in a later term.");
    const states = ids.flatMap((id, i) => {
      const state = stateOf(held[i] as HeldRecord);
      return state ? [{ id, state }] : [];
    });
    if (states.length > 0 && !incomplete.fence.complete) {
      const failed = await putBack(authority, operation, (store) =>
        store.applyRecords(collection, incomplete.fence.term, states),
      );
      if (failed) return failed;
    }
    return new Map(ids.map((id, i) => [id, held[i] as HeldRecord]));
  } catch (error) {
    return error as Error;
  }
}

/** The same for counters, always before returning: a counter is refilled before it is counted or told. */
export async function refillCounters(
  context: EngineContext,
  collection: CounterCollection,
  ids: readonly string[],
  operation: Operation,
  incomplete: Incomplete,
): Promise<Error | null> {
  const other = guardOf(context, otherStore(incomplete.store));
  const authority = guardOf(context, incomplete.store);
  if (!other || !authority) return new Error("the other store isn't connected");
  try {
    const { fence, held } = await other.attempt(
      (store) => store.inspectCounters(collection, ids),
      Math.max(1, operation.remaining),
    );
    if (isOver(incomplete, fence)) return new FencedError("The other store is in a later term.");
    const states = ids.flatMap((id, i) => {
      const state = counterStateOf(held[i] as HeldCounter, other.store.name);
      return state ? [{ id, state }] : [];
    });
    if (states.length === 0) return null;
    return await putBack(authority, operation, (store) =>
      store.applyCounters(collection, incomplete.fence.term, states),
    );
  } catch (error) {
    return error as Error;
  }
}

/** An earlier reign's fence that was under way may arrive in a memory that was lost since. The other store remembers the later one. */
function isOver({ fence: { term } }: Incomplete, theirs: Fence | null): boolean {
  return theirs !== null && theirs.term > term;
}

/**
 * The authority's own step. Where its reign ended, or it went away meanwhile, nothing that it said before can be built on: its
 * failure isn't the other store's, which has told all it knows.
 */
async function putBack(
  authority: Guard,
  operation: Operation,
  apply: (store: Store) => Promise<Fenced<ApplyResult>>,
): Promise<FencedError | null> {
  try {
    const back = await authority.attempt(apply, Math.max(1, operation.remaining * PRIMARY_SHARE));
    return back.fenced ? new FencedError("The term moved while something was put back.") : null;
  } catch (cause) {
    return new FencedError(`The authority didn't take what was put back (${describe(cause)}).`, { cause });
  }
}

/** Nothing was written, since what the other store has couldn't be fetched first: try again until the deadline. */
export function uncompared(cause: Error): FencedError {
  return new FencedError(
    `The authority lost its memory and the other store can't be asked what it had (${describe(cause)}). Retry when it is back.`,
    { cause },
  );
}
