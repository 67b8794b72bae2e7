/** Counts and reads counters: the authority decides, the mirror takes the parts, a repeated operation counts once. */
import { AuthorityUnavailableError, FencedError, ValidationError } from "../errors.js";
import type { CounterCollection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import type { CounterState } from "../stores/state.js";
import type { CounterAdd, CounterAddResult, HeldCounter } from "../stores/store.js";
import { AuthorityReadError, acrossTerms, readAuthority, TermMovedError } from "./authority-read.js";
import type { EngineContext } from "./context.js";
import { fallback } from "./fallback.js";
import { type Message, mirrorCounters } from "./mirror.js";
import type { ReadOutcome } from "./outcome.js";
import { refillCounters, uncompared } from "./refetch.js";
import { atAuthority, type Reign } from "./term-view.js";

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
  const result = await atAuthority(
    context,
    operation,
    () => `Counting in ${collection.name}`,
    async (guard, present, timeoutMs) => {
      const first = await guard.hot.addToCounters(collection, present.term, adds, timeoutMs);
      if (first.fenced) return "fenced";
      const results = first.results.some(({ kind }) => kind === "suspect")
        ? await decideAgain(context, collection, adds, operation, guard, present, timeoutMs)
        : first.results;
      if (results === "fenced") return "fenced";
      const messages: Message<CounterState>[] = [];
      for (let i = 0; i < results.length; i++) {
        const one = results[i] as CounterAddResult;
        if ("state" in one && !one.alone) messages.push({ id: (adds[i] as CounterAdd).id, state: one.state });
      }
      if ((await mirrorCounters(context, collection, present, messages, operation)) === "told") return results;
      operation.uncertain = true;
      return "fenced";
    },
  );
  const refused = result.find((one) => one.kind === "rejected");
  if (refused?.kind === "rejected") {
    throw new ValidationError(
      [{ path: "", message: `${collection.name}: the authority refuses to count: ${refused.reason}` }],
      { operationId: operation.id },
    );
  }
  return result.flatMap((one) => ("state" in one ? [one.state.redisPart + one.state.postgresPart] : []));
}

/** The authority lost its memory: a counter is refilled before it is counted. */
async function decideAgain(
  context: EngineContext,
  collection: CounterCollection,
  adds: readonly CounterAdd[],
  operation: Operation,
  guard: Guard,
  present: Reign,
  timeoutMs: number,
): Promise<CounterAddResult[] | "fenced"> {
  const fence = { term: present.term, role: "authority", complete: false } as const;
  const ids = adds.map((add) => add.id);
  const failed = await refillCounters(context, collection, ids, operation, { store: present.authority, fence });
  if (failed) throw uncompared(failed);
  const compared = adds.map((add) => ({ ...add, compared: true }));
  // The fetching took its part of the time.
  const leftMs = Math.max(1, Math.min(operation.remaining, timeoutMs));
  const second = await guard.hot.addToCounters(collection, present.term, compared, leftMs);
  return second.fenced ? "fenced" : second.results;
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
  const uncertain = (held: HeldCounter) => held.kind !== "unreadable" && !fence.complete && !held.compared;
  if (!reply.held.some(uncertain)) return reply.held.map((held) => toOutcome(held, store, false));
  const failed = await refillCounters(context, collection, ids, operation, { store, fence });
  if (failed instanceof FencedError) throw new TermMovedError(store);
  if (failed) {
    const error = new AuthorityUnavailableError(
      `${store} lost its memory and the other store can't be asked (${describe(failed)}): the count can't be known now.`,
    );
    return reply.held.map((held) =>
      uncertain(held) ? { kind: "error", error, store, fallback: false } : toOutcome(held, store, false),
    );
  }
  const again = await read();
  // Another memory loss may have come between: what was refilled for the first one says nothing of it.
  if (again.fence.term !== fence.term && !again.fence.complete) throw new TermMovedError(again.store);
  return again.reply.held.map((held) => toOutcome(held, again.store, false));
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
