/**
 * Gathers calls that are under way at once into few round trips, without a timer: what comes while nothing waits is sent once all
 * that is ready to run has run, what comes while batches are in flight goes together as soon as one returns. Many calls that find
 * nothing in flight go as two batches, so that one is worked on here while the other is at the store.
 */
import { OverloadedError } from "../../errors.js";
import { StoreTimeoutError } from "../transient-errors.js";

/** How the calls of one kind become one. */
export interface Joining<Item, Reply> {
  readonly idOf: (item: Item) => string;
  /**
   * What an id that two calls name becomes:
   * `twice`: both items go, in order. `later`: the second call waits for the next batch. Otherwise the two become the one given.
   */
  readonly same: "twice" | "later" | ((first: Item, second: Item) => Item);
  /** So many calls make a batch that pays by itself. */
  readonly worthwhile: number;
  /** Settles after `timeoutMs` at the latest. */
  readonly send: (items: readonly Item[], timeoutMs: number) => Promise<Reply>;
  /** What a call whose items went to these places is told; null: it has to be sent again by itself. */
  readonly part: (
    reply: Reply,
    items: readonly Item[],
    sent: readonly Item[],
    places: readonly number[],
  ) => Reply | null;
}

interface Call<Item, Reply> {
  readonly items: readonly Item[];
  /** When nobody waits for its answer any more, of performance.now. */
  readonly until: number;
  /** Sent by itself, after what it was joined with was refused. */
  readonly alone: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch<Item, Reply> {
  readonly items: Item[];
  readonly calls: { readonly call: Call<Item, Reply>; readonly places: readonly number[] }[];
}

/** Batches in flight at once: while one is answered, the next is on its way. */
const IN_FLIGHT = 2;
/** Items of a batch. Large enough to never slow anything down, small enough not to hold a server up. */
const BATCH = 1000;
/** Calls that may wait. More than a process can have in flight within one attempt's time. */
const WAITING = 20_000;

export class Batcher<Item, Reply> {
  readonly #joining: Joining<Item, Reply>;
  #waiting: Call<Item, Reply>[] = [];
  readonly #inFlight = new Set<Batch<Item, Reply>>();
  #scheduled = false;
  readonly #sendNext = () => {
    this.#scheduled = false;
    void this.#send(this.#take());
  };
  /** Ends calls whose time is up before their batch's. */
  #watch: NodeJS.Timeout | undefined;
  #watchedUntil = Number.POSITIVE_INFINITY;

  constructor(joining: Joining<Item, Reply>) {
    this.#joining = joining;
  }

  /** Nothing waits and nothing is in flight. */
  get isIdle(): boolean {
    return this.#inFlight.size === 0 && this.#waiting.length === 0;
  }

  /** @throws OverloadedError while too much waits already, StoreTimeoutError when the time is up */
  run(items: readonly Item[], timeoutMs: number): Promise<Reply> {
    return this.#enqueue(items, performance.now() + timeoutMs, false);
  }

  #enqueue(items: readonly Item[], until: number, alone: boolean): Promise<Reply> {
    if (this.#waiting.length >= WAITING) {
      return Promise.reject(
        new OverloadedError(
          `${WAITING} calls wait for this store already; nothing was sent. Retry later, with less at once.`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, until, alone, resolve, reject });
      if (until < this.#watchedUntil) this.#watchUntil(until);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight.size >= IN_FLIGHT || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // Not a microtask: those that the last batch's answers set going may bring further calls.
    process.nextTick(this.#sendNext);
  }

  async #send(batch: Batch<Item, Reply>): Promise<void> {
    if (batch.calls.length === 0) return;
    this.#inFlight.add(batch);
    // Another batch may go at once with what didn't fit.
    this.#schedule();
    try {
      const until = batch.calls.reduce((latest, { call }) => Math.max(latest, call.until), 0);
      const reply = await this.#joining.send(batch.items, Math.max(1, until - performance.now()));
      for (const { call, places } of batch.calls) {
        const part = this.#joining.part(reply, call.items, batch.items, places);
        if (part === null) this.#enqueue(call.items, call.until, true).then(call.resolve, call.reject);
        else call.resolve(part);
      }
    } catch (error) {
      for (const { call } of batch.calls) call.reject(error);
    } finally {
      this.#inFlight.delete(batch);
      this.#schedule();
    }
  }

  /** The calls that go together now, in the order in which they came. */
  #take(): Batch<Item, Reply> {
    const batch: Batch<Item, Reply> = { items: [], calls: [] };
    const left: Call<Item, Reply>[] = [];
    const held = new Map<string, number>();
    /** Of calls that stay: whoever names them too stays behind them. */
    const kept = new Set<string>();
    const { idOf } = this.#joining;
    const most = this.#mostCalls();
    for (const call of this.#waiting) {
      if (batch.calls.length >= most || this.#mustWait(call, batch, held, kept)) {
        for (const item of call.items) kept.add(idOf(item));
        left.push(call);
        continue;
      }
      batch.calls.push({ call, places: this.#place(call, batch.items, held) });
      // Nothing may join one that goes by itself.
      if (call.alone) for (const item of call.items) kept.add(idOf(item));
    }
    this.#waiting = left;
    return batch;
  }

  /** All callers of one batch tend to call again at once; one batch of them would leave this process and the store idle in turns. */
  #mostCalls(): number {
    const half = Math.ceil(this.#waiting.length / 2);
    return this.#inFlight.size === 0 && half >= this.#joining.worthwhile ? half : BATCH;
  }

  #mustWait(
    call: Call<Item, Reply>,
    { items, calls }: Batch<Item, Reply>,
    held: ReadonlyMap<string, number>,
    kept: ReadonlySet<string>,
  ): boolean {
    if (calls.length > 0 && items.length + call.items.length > BATCH) return true;
    const { idOf, same } = this.#joining;
    const apart = same === "later" || call.alone;
    for (const item of call.items) {
      if (kept.size > 0 && kept.has(idOf(item))) return true;
      if (apart && held.has(idOf(item))) return true;
    }
    return false;
  }

  /** Where a call's items go in the batch. */
  #place(call: Call<Item, Reply>, items: Item[], held: Map<string, number>): number[] {
    const { idOf, same } = this.#joining;
    const places = new Array<number>(call.items.length);
    for (let i = 0; i < places.length; i++) {
      const item = call.items[i] as Item;
      const place = held.get(idOf(item));
      if (place !== undefined && typeof same === "function") {
        items[place] = same(items[place] as Item, item);
        places[i] = place;
      } else {
        held.set(idOf(item), items.length);
        places[i] = items.push(item) - 1;
      }
    }
    return places;
  }

  #watchUntil(until: number): void {
    clearTimeout(this.#watch);
    this.#watchedUntil = until;
    // What is waited for keeps the process alive by its connection.
    this.#watch = setTimeout(() => this.#endLate(), Math.max(0, until - performance.now())).unref();
  }

  #endLate(): void {
    this.#watchedUntil = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const isLate = (call: Call<Item, Reply>) => call.until <= now;
    for (const call of this.#waiting)
      if (isLate(call)) call.reject(new StoreTimeoutError("The call waited for too long; it wasn't sent."));
    this.#waiting = this.#waiting.filter((call) => !isLate(call));
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#waiting) next = Math.min(next, call.until);
    for (const { calls } of this.#inFlight) {
      for (const { call } of calls) {
        // Its batch goes on; what it answers is told to those that still wait.
        if (isLate(call)) call.reject(new StoreTimeoutError("The store didn't answer in the time of the call."));
        else next = Math.min(next, call.until);
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#watchUntil(next);
  }
}
