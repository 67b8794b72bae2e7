/** Counts and reads counters: the authority decides, the mirror takes the parts, a repeated operation counts once. */
import { AuthorityUnavailableError, FencedError, ValidationError } from "../errors.js";
import type { CounterCollection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import type { CounterAdd, CounterAddResult, HeldCounter } from "../stores/store.js";
import { AuthorityReadError, acrossTerms, readAuthority, TermMovedError } from "./authority-read.js";
import { decideAndTell, type WriteKind } from "./authority-step.js";
import { type EngineContext, guardOf } from "./context.js";
import { fallback } from "./fallback.js";
import { mirrorCounters } from "./mirror.js";
import type { ReadOutcome } from "./outcome.js";
import { refillCounters } from "./refetch.js";

const COUNTERS: WriteKind<CounterCollection, CounterAdd, CounterAddResult> = {
  what: ({ name }) => `Counting in ${name}`,
  refusedTo: "to count",
  decide: (guard, collection, term, adds, timeoutMs) => guard.hot.addToCounters(collection, term, adds, timeoutMs),
  fetch: async (context, collection, ids, operation, incomplete, timeoutMs) => {
    // Only what it lacks: what it has already may stand higher in the other store by a bypass writer's counts, which a handover dropped.
    const guard = guardOf(context, incomplete.store) as Guard;
    const { held } = await guard.hot.readCounters(collection, ids, timeoutMs);
    const lacking = ids.filter((_, i) => isUncompared(held[i] as HeldCounter));
    return refillCounters(context, collection, lacking, operation, incomplete);
  },
  tell: mirrorCounters,
};

/**
 * Adds to all counters of the call together. Returns what each stands at.
 * @throws AuthorityUnavailableError, OutcomeUnknownError, DeadlineExceededError, ValidationError
 */
export async function addToCounters(
  context: EngineContext,
  collection: CounterCollection,
  adds: readonly CounterAdd[],
  operation: Operation,
): Promise<number[]> {
  const results = await decideAndTell(context, COUNTERS, collection, adds, operation);
  return results.map(({ state }) => state.redisPart + state.postgresPart);
}

/** What each counter stands at; a counter that never was, expired or was deleted counts 0, and that is a hit. */
export async function readCounters(
  context: EngineContext,
  collection: CounterCollection,
  ids: readonly string[],
  operation: Operation,
): Promise<ReadOutcome<number>[]> {
  if (ids.length === 0) return [];
  try {
    return await acrossTerms(() => readFromAuthority(context, collection, ids, operation));
  } catch (error) {
    if (!(error instanceof AuthorityReadError)) throw error;
    try {
      const { store, value } = await fallback(
        context,
        operation,
        collection.name,
        ids.length,
        error.store,
        error.cause,
        (guard, timeoutMs) => guard.hot.readCounters(collection, ids, timeoutMs),
      );
      if (!value.fence?.complete && value.held.some((held) => held.kind === "absent")) {
        throw new AuthorityUnavailableError(
          `${store} is incomplete and the authority didn't answer: the count can't be known now.`,
        );
      }
      return value.held.map((held) => toOutcome(held, store, true));
    } catch (failure) {
      return ids.map(() => ({ kind: "error", error: failure as Error, store: error.store, fallback: false }));
    }
  }
}

/** The authority's answer, after a memory loss once the other store's counts were put back. @throws AuthorityReadError */
async function readFromAuthority(
  context: EngineContext,
  collection: CounterCollection,
  ids: readonly string[],
  operation: Operation,
): Promise<ReadOutcome<number>[]> {
  const read = () =>
    readAuthority(context, operation, (guard, timeoutMs) => guard.hot.readCounters(collection, ids, timeoutMs));
  const { store, fence, reply } = await read();
  const lacking = ids.filter((_, i) => isUncompared(reply.held[i] as HeldCounter));
  if (fence.complete || lacking.length === 0) return reply.held.map((held) => toOutcome(held, store, false));
  const failed = await refillCounters(context, collection, lacking, operation, { store, fence });
  if (failed instanceof FencedError) throw new TermMovedError(store);
  if (failed) {
    const error = new AuthorityUnavailableError(
      `${store} lost its memory and the other store can't be asked (${describe(failed)}): the count can't be known now.`,
    );
    return reply.held.map((held) =>
      isUncompared(held) ? { kind: "error", error, store, fallback: false } : toOutcome(held, store, false),
    );
  }
  const again = await read();
  // Another memory loss may have come between: what was refilled for the first one says nothing of it.
  if (again.fence.term !== fence.term && !again.fence.complete) throw new TermMovedError(again.store);
  return again.reply.held.map((held) => toOutcome(held, again.store, false));
}

/** The other store may know more of it. */
function isUncompared(held: HeldCounter): boolean {
  return held.kind !== "unreadable" && !held.compared;
}

function toOutcome(held: HeldCounter, store: "redis" | "postgres", isFallback: boolean): ReadOutcome<number> {
  switch (held.kind) {
    case "value":
      return {
        kind: "hit",
        value: held.redisPart + held.postgresPart,
        store,
        fallback: isFallback,
        stamp: held.stamp,
        expiresAt: held.expiresAt,
      };
    case "absent":
      return { kind: "hit", value: 0, store, fallback: isFallback };
    case "unreadable":
      return {
        kind: "error",
        error: new ValidationError([{ path: "", message: held.reason }]),
        store,
        fallback: isFallback,
      };
  }
}
