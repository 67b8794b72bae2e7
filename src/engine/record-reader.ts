/** Reads records: from the authority, else from the other store, each answer with where it came from. */
import { AuthorityUnavailableError, FencedError, ValidationError } from "../errors.js";
import type { RecordCollection } from "../stores/collection.js";
import { describe } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { otherStore, type StoreName } from "../stores/state.js";
import type { Fence, HeldRecord } from "../stores/store.js";
import {
  AuthorityReadError,
  acrossTerms,
  believedAuthority,
  firstShare,
  readAuthority,
  TermMovedError,
} from "./authority-read.js";
import { type EngineContext, guardOf } from "./context.js";
import { events } from "./events.js";
import { fallback } from "./fallback.js";
import type { ReadOutcome } from "./outcome.js";
import { fetchMissing, newerOf, stateOf } from "./refetch.js";

type ByteOutcome = ReadOutcome<Buffer>;

/** Who may answer: the other store too while the authority is away, or the authority alone. */
export type ReadSource = "either" | "authority";

/** A record's bytes, or null for a miss; most of the time the authority's first answer is all there is to it. */
export function readValue(
  context: EngineContext,
  collection: RecordCollection,
  id: string,
  operation: Operation,
): Promise<ByteOutcome> {
  const ids = [id];
  const store = believedAuthority(context);
  const guard = guardOf(context, store);
  const thoroughly = async () => (await readRecords(context, collection, ids, operation))[0] as ByteOutcome;
  if (!guard) return thoroughly();
  return guard.hot.readValues(collection, ids, firstShare(operation)).then(
    ({ fence, values: [value] }) => {
      if (!fence?.complete || fence.role !== "authority" || value === undefined) return thoroughly();
      if (value === null && context.lookElsewhere === "always") return thoroughly();
      return value === null ? { kind: "miss", store, fallback: false } : { kind: "hit", value, store, fallback: false };
    },
    async (error) => {
      void context.term.refresh();
      const failure = new AuthorityReadError(store, error);
      return (await readFallback(context, collection, ids, operation, failure))[0] as ByteOutcome;
    },
  );
}

/** @throws AuthorityReadError only where the authority alone was asked; otherwise each record has its outcome */
export async function readRecords(
  context: EngineContext,
  collection: RecordCollection,
  ids: readonly string[],
  operation: Operation,
  source: ReadSource = "either",
): Promise<ByteOutcome[]> {
  if (ids.length === 0) return [];
  try {
    return await acrossTerms(async () => {
      const { store, fence, reply } = await readAuthority(context, operation, (guard, timeoutMs) =>
        guard.hot.readRecords(collection, ids, timeoutMs),
      );
      return settleUncertain(context, collection, ids, operation, store, fence, reply.held);
    });
  } catch (error) {
    if (!(error instanceof AuthorityReadError) || source === "authority") throw error;
    return readFallback(context, collection, ids, operation, error);
  }
}

/** Whether what the authority holds of a record answers the question by itself. */
function isCertain(held: HeldRecord, fence: Fence): boolean {
  if (held.kind === "unreadable") return true;
  if (fence.complete) return true;
  return held.kind !== "absent" && held.compared;
}

async function settleUncertain(
  context: EngineContext,
  collection: RecordCollection,
  ids: readonly string[],
  operation: Operation,
  store: StoreName,
  fence: Fence,
  held: readonly HeldRecord[],
): Promise<ByteOutcome[]> {
  const always = context.lookElsewhere === "always";
  const uncertain = ids.filter((_, i) => {
    const one = held[i] as HeldRecord;
    return !isCertain(one, fence) || (always && one.kind === "absent");
  });
  const own = (i: number) => toOutcome(held[i] as HeldRecord, store, false);
  if (uncertain.length === 0) return ids.map((_, i) => own(i));
  if (context.lookElsewhere === "never") {
    return ids.map((id, i) =>
      !uncertain.includes(id)
        ? own(i)
        : own(i).kind === "miss"
          ? unknownMiss(store, "it is incomplete and looking elsewhere is off")
          : { ...own(i), fallback: true },
    );
  }
  const elsewhere = await fetchMissing(context, collection, uncertain, operation, { store, fence });
  if (elsewhere instanceof FencedError) throw new TermMovedError(store);
  if (elsewhere instanceof Error) {
    const count = held.filter(({ kind }, i) => kind === "value" && uncertain.includes(ids[i] as string)).length;
    const told = events.fallback(collection.name, otherStore(store), store, count, describe(elsewhere));
    if (count > 0) context.events.emit("fallback", told);
  }
  // What was put back, or adopted instead, is what the authority says from now on.
  const again =
    elsewhere instanceof Error || fence.complete
      ? null
      : await readAgain(context, collection, uncertain, store, fence, operation);
  return ids.map((id, i) => {
    const at = uncertain.indexOf(id);
    if (at < 0) return own(i);
    const mine = held[i] as HeldRecord;
    if (elsewhere instanceof Error) {
      // What stands may be behind what the other store has: better than nothing, and marked.
      return mine.kind === "value" ? { ...own(i), fallback: true } : unknownMiss(store, describe(elsewhere));
    }
    const stands = again ? (again[at] as HeldRecord) : mine;
    if (again && isCertain(stands, fence)) return toOutcome(stands, store, false);
    // Not put back, or refused there.
    const theirs = elsewhere.get(id) as HeldRecord;
    return newerOf(stands, theirs) === theirs
      ? toOutcome(theirs, otherStore(store), false)
      : toOutcome(stands, store, false);
  });
}

/** The same reign's second answer. @throws TermMovedError when it ended meanwhile */
async function readAgain(
  context: EngineContext,
  collection: RecordCollection,
  ids: readonly string[],
  store: StoreName,
  first: Fence,
  operation: Operation,
): Promise<readonly HeldRecord[]> {
  const guard = guardOf(context, store);
  try {
    const again = await guard?.hot.readRecords(collection, ids, Math.max(1, operation.remaining));
    if (again?.fence?.term === first.term && again.fence.role === "authority") return again.held;
  } catch (error) {
    throw new AuthorityReadError(store, error);
  }
  throw new TermMovedError(store);
}

async function readFallback(
  context: EngineContext,
  collection: RecordCollection,
  ids: readonly string[],
  operation: Operation,
  failure: AuthorityReadError,
): Promise<ByteOutcome[]> {
  try {
    const { store, value } = await fallback(
      context,
      operation,
      collection.name,
      ids.length,
      failure.store,
      failure.cause,
      (guard, timeoutMs) => guard.hot.readRecords(collection, ids, timeoutMs),
    );
    return value.held.map((held) => {
      if (held.kind === "absent" && !value.fence?.complete)
        return unknownMiss(store, "it is incomplete and the authority didn't answer");
      return toOutcome(held, store, true);
    });
  } catch (error) {
    return ids.map(() => ({ kind: "error", error: error as Error, store: failure.store, fallback: false }));
  }
}

function unknownMiss(store: StoreName, reason: string): ByteOutcome {
  const error = new AuthorityUnavailableError(
    `${store} has nothing, but ${reason}: whether there is something can't be known now. Retry later.`,
  );
  return { kind: "error", error, store, fallback: false };
}

function toOutcome(held: HeldRecord, store: StoreName, isFallback: boolean): ByteOutcome {
  if (held.kind === "value") {
    return {
      kind: "hit",
      value: held.bytes,
      store,
      fallback: isFallback,
      stamp: held.stamp,
      ...(store === "redis" && held.stamp === 0 ? {} : { expiresAt: held.expiresAt }),
    };
  }
  if (held.kind === "unreadable") {
    return {
      kind: "error",
      error: new ValidationError([{ path: "", message: held.reason }]),
      store,
      fallback: isFallback,
    };
  }
  return { kind: "miss", store, fallback: isFallback };
}

/** The authority itself, for a compare-and-set: never a fallback, and what is uncertain is settled first. */
export async function readForUpdate(
  context: EngineContext,
  collection: RecordCollection,
  id: string,
  operation: Operation,
): Promise<HeldRecord> {
  const { store, fence, reply } = await readAuthority(context, operation, (guard, timeoutMs) =>
    guard.hot.readRecords(collection, [id], timeoutMs),
  );
  const held = reply.held[0] as HeldRecord;
  // A closed store adopts nothing any more: what a bypass writer did to it may be dropped, so the next reign's word is waited for.
  if (fence.role === "closed" && held.kind === "value" && held.bypass)
    throw new AuthorityReadError(store, new FencedError("The authority is being moved. Retry in a moment."));
  if (isCertain(held, fence)) return held;
  const elsewhere = await fetchMissing(context, collection, [id], operation, { store, fence });
  if (elsewhere instanceof Error) throw new AuthorityReadError(otherStore(store), elsewhere);
  const [again] = (await readAgain(context, collection, [id], store, fence, operation)) as [HeldRecord];
  if (isCertain(again, fence) || !stateOf(elsewhere.get(id) as HeldRecord)) return again;
  return { kind: "unreadable", reason: `${store} refuses what ${otherStore(store)} holds of it` };
}
