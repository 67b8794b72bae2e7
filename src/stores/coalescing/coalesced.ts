/** The hot calls of a store, gathered: each caller gets its own part of what one round trip answered. */
import type { CounterCollection, RecordCollection } from "../collection.js";
import { isNewer, mergeCounters } from "../state.js";
import type { ApplyResult, CounterAdd, Fence, Fenced, RecordWrite, Store } from "../store.js";
import { Batcher, type Joining } from "./batcher.js";

/** The calls that every operation makes, each with the milliseconds that it waits for its answer. */
export interface TimedCalls {
  readValues(collection: RecordCollection, ids: readonly string[], timeoutMs: number): ReturnType<Store["readValues"]>;
  readRecords(
    collection: RecordCollection,
    ids: readonly string[],
    timeoutMs: number,
  ): ReturnType<Store["readRecords"]>;
  writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
    timeoutMs: number,
  ): ReturnType<Store["writeRecords"]>;
  applyRecords(
    collection: RecordCollection,
    term: number,
    states: Parameters<Store["applyRecords"]>[2],
    timeoutMs: number,
  ): ReturnType<Store["applyRecords"]>;
  readCounters(
    collection: CounterCollection,
    ids: readonly string[],
    timeoutMs: number,
  ): ReturnType<Store["readCounters"]>;
  addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
    timeoutMs: number,
  ): ReturnType<Store["addToCounters"]>;
  applyCounters(
    collection: CounterCollection,
    term: number,
    states: Parameters<Store["applyCounters"]>[2],
    timeoutMs: number,
  ): ReturnType<Store["applyCounters"]>;
}

/** Calls of a batch that pays by itself. A write's batch costs more for being one: a transaction and its flush, a script's set-up. */
const READS = 8;
const WRITES = 33;

/** Makes one call of the store; it settles after `timeoutMs` at the latest. */
export type Attempt = <T>(call: (store: Store) => Promise<T>, timeoutMs: number) => Promise<T>;

/** Each call by itself. */
export function uncoalesced(attempt: Attempt): TimedCalls {
  return {
    readValues: (collection, ids, ms) => attempt((store) => store.readValues(collection, ids), ms),
    readRecords: (collection, ids, ms) => attempt((store) => store.readRecords(collection, ids), ms),
    writeRecords: (collection, term, items, ms) => attempt((store) => store.writeRecords(collection, term, items), ms),
    applyRecords: (collection, term, items, ms) => attempt((store) => store.applyRecords(collection, term, items), ms),
    readCounters: (collection, ids, ms) => attempt((store) => store.readCounters(collection, ids), ms),
    addToCounters: (collection, term, items, ms) =>
      attempt((store) => store.addToCounters(collection, term, items), ms),
    applyCounters: (collection, term, items, ms) =>
      attempt((store) => store.applyCounters(collection, term, items), ms),
  };
}

/**
 * The same with those that are under way at once gathered into one.
 * @param sameIdTwice whether one step of the store may change one id more than once
 */
export function coalesced(attempt: Attempt, sameIdTwice: boolean): TimedCalls {
  const single = uncoalesced(attempt);
  const same = sameIdTwice ? "twice" : "later";
  const values = new Batchers<RecordCollection, string, Values>((collection) => ({
    idOf: (id) => id,
    same: (first) => first,
    worthwhile: READS,
    part: ({ fence, values }, _ids, _sent, places) => ({ fence, values: places.map((place) => values[place]) }),
    send: (ids, ms) => single.readValues(collection, ids, ms),
  }));
  const reads = new Batchers<RecordCollection, string, Held<unknown>>((collection) => ({
    ...readJoining,
    send: (ids, ms) => single.readRecords(collection, ids, ms),
  }));
  const counterReads = new Batchers<CounterCollection, string, Held<unknown>>((collection) => ({
    ...readJoining,
    send: (ids, ms) => single.readCounters(collection, ids, ms),
  }));
  const writes = new Batchers<RecordCollection, RecordWrite, Fenced<unknown>>((collection, term) => ({
    idOf: ({ id }) => id,
    same,
    part: ownResults,
    worthwhile: WRITES,
    send: (items, ms) => single.writeRecords(collection, term, items, ms),
  }));
  const adds = new Batchers<CounterCollection, CounterAdd, Fenced<unknown>>((collection, term) => ({
    idOf: ({ id }) => id,
    same,
    part: ownResults,
    worthwhile: WRITES,
    send: (items, ms) => single.addToCounters(collection, term, items, ms),
  }));
  const states = new Batchers<RecordCollection, Message<{ readonly stamp: number }>, Fenced<ApplyResult>>(
    (collection, term) => ({
      idOf: ({ id }) => id,
      same: (first, second) => (isNewer(second.state.stamp, first.state.stamp) ? second : first),
      part: resultsOfJoined,
      worthwhile: WRITES,
      send: (items, ms) => single.applyRecords(collection, term, items as never, ms),
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
    worthwhile: WRITES,
    send: (items, ms) => single.applyCounters(collection, term, items, ms),
  }));
  return {
    readValues: (collection, ids, ms) => values.run(collection, 0, ids, ms),
    readRecords: (collection, ids, ms) => reads.run(collection, 0, ids, ms) as ReturnType<Store["readRecords"]>,
    readCounters: (collection, ids, ms) =>
      counterReads.run(collection, 0, ids, ms) as ReturnType<Store["readCounters"]>,
    writeRecords: (collection, term, items, ms) =>
      writes.run(collection, term, items, ms) as ReturnType<Store["writeRecords"]>,
    addToCounters: (collection, term, items, ms) =>
      adds.run(collection, term, items, ms) as ReturnType<Store["addToCounters"]>,
    applyRecords: (collection, term, items, ms) => states.run(collection, term, items, ms),
    applyCounters: (collection, term, items, ms) => counterStates.run(collection, term, items, ms),
  };
}

type Values = Awaited<ReturnType<Store["readValues"]>>;

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
  worthwhile: READS,
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
  const results: ApplyResult[] = [];
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number;
    const [result, one] = [reply.results[place] as ApplyResult, sent[place] as I];
    if (one === items[i]) results.push(result);
    else if (result.kind === "rejected") return null;
    else results.push(result.kind === "kept" ? result : { kind: "kept", stamp: one.state.stamp, same: false });
  }
  return { fenced: false, results };
}

/** A batcher for each collection and term that is in use. */
class Batchers<C extends object, Item, Reply> {
  readonly #joining: (collection: C, term: number) => Joining<Item, Reply>;
  readonly #byCollection = new WeakMap<C, Map<number, Batcher<Item, Reply>>>();
  /** The one used last, which is nearly always the next one too. */
  #last: { readonly collection: C; readonly term: number; readonly batcher: Batcher<Item, Reply> } | undefined;

  constructor(joining: (collection: C, term: number) => Joining<Item, Reply>) {
    this.#joining = joining;
  }

  run(collection: C, term: number, items: readonly Item[], timeoutMs: number): Promise<Reply> {
    let last = this.#last;
    if (last?.collection !== collection || last.term !== term)
      last = this.#last = { collection, term, batcher: this.#batcher(collection, term) };
    return last.batcher.run(items, timeoutMs);
  }

  #batcher(collection: C, term: number): Batcher<Item, Reply> {
    const byTerm = this.#byCollection.get(collection) ?? new Map<number, Batcher<Item, Reply>>();
    this.#byCollection.set(collection, byTerm);
    let batcher = byTerm.get(term);
    if (!batcher) {
      // Terms come and go: what an ended one left is forgotten.
      for (const [old, one] of byTerm) if (one.isIdle) byTerm.delete(old);
      batcher = new Batcher(this.#joining(collection, term));
      byTerm.set(term, batcher);
    }
    return batcher;
  }
}
