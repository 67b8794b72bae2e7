/** The hot calls of a store, gathered: each caller gets its own part of what one round trip answered. */
import type { CounterCollection, RecordCollection } from "../collection.js";
import { isNewer, mergeCounters } from "../state.js";
import type { ApplyResult, CounterAdd, Fence, Fenced, RecordWrite, Store } from "../store.js";
import { Batcher, type Joining } from "./batcher.js";

/** The calls that every operation makes. */
export type HotCalls = Pick<
  Store,
  "readRecords" | "writeRecords" | "applyRecords" | "readCounters" | "addToCounters" | "applyCounters"
>;

export interface CoalescingOptions {
  /** Whether one step of the store may change one id more than once. */
  readonly sameIdTwice: boolean;
}

/** A store's hot calls with those that are under way at once gathered into one. Same port, same promises. */
export function coalesced(store: HotCalls, { sameIdTwice }: CoalescingOptions): HotCalls {
  const same = sameIdTwice ? "twice" : "later";
  const reads = new Batchers<RecordCollection, string, Held<unknown>>((collection) => ({
    ...readJoining,
    send: (ids) => store.readRecords(collection, ids),
  }));
  const counterReads = new Batchers<CounterCollection, string, Held<unknown>>((collection) => ({
    ...readJoining,
    send: (ids) => store.readCounters(collection, ids),
  }));
  const writes = new Batchers<RecordCollection, RecordWrite, Fenced<unknown>>((collection, term) => ({
    idOf: ({ id }) => id,
    same,
    part: ownResults,
    send: (items) => store.writeRecords(collection, term, items),
  }));
  const adds = new Batchers<CounterCollection, CounterAdd, Fenced<unknown>>((collection, term) => ({
    idOf: ({ id }) => id,
    same,
    part: ownResults,
    send: (items) => store.addToCounters(collection, term, items),
  }));
  const states = new Batchers<RecordCollection, Message<{ readonly stamp: number }>, Fenced<ApplyResult>>(
    (collection, term) => ({
      idOf: ({ id }) => id,
      same: (first, second) => (isNewer(second.state.stamp, first.state.stamp) ? second : first),
      part: resultsOfJoined,
      send: (items) => store.applyRecords(collection, term, items as never),
    }),
  );
  const counterStates = new Batchers<
    CounterCollection,
    Parameters<Store["applyCounters"]>[2][number],
    Fenced<ApplyResult>
  >((collection, term) => ({
    idOf: ({ id }) => id,
    same: (first, second) => ({ id: first.id, state: mergeCounters(first.state, second.state) }),
    part: resultsOfJoined,
    send: (items) => store.applyCounters(collection, term, items),
  }));
  return {
    readRecords: (collection, ids) => reads.run(collection, 0, ids) as ReturnType<Store["readRecords"]>,
    readCounters: (collection, ids) => counterReads.run(collection, 0, ids) as ReturnType<Store["readCounters"]>,
    writeRecords: (collection, term, items) => writes.run(collection, term, items) as ReturnType<Store["writeRecords"]>,
    addToCounters: (collection, term, items) => adds.run(collection, term, items) as ReturnType<Store["addToCounters"]>,
    applyRecords: (collection, term, items) => states.run(collection, term, items),
    applyCounters: (collection, term, items) => counterStates.run(collection, term, items),
  };
}

interface Held<H> {
  readonly fence: Fence | null;
  readonly held: H[];
}

interface Message<S> {
  readonly id: string;
  readonly state: S;
}

/** Two readers of one id share its answer. */
const readJoining = {
  idOf: (id: string) => id,
  same: (first: string) => first,
  part: (
    { fence, held }: Held<unknown>,
    _ids: readonly string[],
    _sent: readonly string[],
    places: readonly number[],
  ) => ({
    fence,
    held: places.map((place) => held[place]),
  }),
};

function ownResults<R>(
  reply: Fenced<R>,
  _items: readonly unknown[],
  _sent: readonly unknown[],
  places: readonly number[],
) {
  return reply.fenced ? reply : { fenced: false as const, results: places.map((place) => reply.results[place] as R) };
}

/** A state that a newer one stood for is in the store by that one; if that one was refused, it is told by itself. */
function resultsOfJoined<I extends Message<{ readonly stamp: number }>>(
  reply: Fenced<ApplyResult>,
  items: readonly I[],
  sent: readonly I[],
  places: readonly number[],
): Fenced<ApplyResult> | null {
  if (reply.fenced) return reply;
  const results = places.map((place) => reply.results[place] as ApplyResult);
  const isOwn = (i: number) => sent[places[i] as number] === items[i];
  if (results.some((result, i) => result.kind === "rejected" && !isOwn(i))) return null;
  return {
    fenced: false,
    results: results.map((result, i) =>
      isOwn(i) || result.kind !== "applied"
        ? result
        : { kind: "kept", stamp: (sent[places[i] as number] as I).state.stamp, same: false },
    ),
  };
}

/** A batcher for each collection and term that is in use. */
class Batchers<C extends object, Item, Reply> {
  readonly #joining: (collection: C, term: number) => Joining<Item, Reply>;
  readonly #byCollection = new WeakMap<C, Map<number, Batcher<Item, Reply>>>();

  constructor(joining: (collection: C, term: number) => Joining<Item, Reply>) {
    this.#joining = joining;
  }

  run(collection: C, term: number, items: readonly Item[]): Promise<Reply> {
    const byTerm = this.#byCollection.get(collection) ?? new Map<number, Batcher<Item, Reply>>();
    this.#byCollection.set(collection, byTerm);
    const batcher = byTerm.get(term) ?? new Batcher(this.#joining(collection, term));
    if (!byTerm.has(term)) {
      // Terms come and go: what an ended one left is forgotten.
      for (const [old, one] of byTerm) if (one.isIdle) byTerm.delete(old);
      byTerm.set(term, batcher);
    }
    return batcher.run(items);
  }
}
