/**
 * Gathers calls that are under way at once into few round trips, without a timer: what comes while nothing waits is sent at the
 * end of the microtask queue, what comes while batches are in flight goes together as soon as one returns.
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
  readonly send: (items: readonly Item[]) => Promise<Reply>;
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
  readonly since: number;
  /** Sent by itself, after what it was joined with was refused. */
  readonly alone: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches in flight at once: while one is answered, the next is on its way. */
const IN_FLIGHT = 2;
/** Items of a batch. Large enough to never slow anything down, small enough not to hold a server up. */
const BATCH = 1000;
/** Calls that may wait. More than a process can have in flight within one attempt's time. */
const WAITING = 20_000;
/** No attempt lasts longer, so nobody waits for the answer any more. Milliseconds. */
const STALE_MS = 10_000;

export class Batcher<Item, Reply> {
  readonly #joining: Joining<Item, Reply>;
  #waiting: Call<Item, Reply>[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(joining: Joining<Item, Reply>) {
    this.#joining = joining;
  }

  /** Nothing waits and nothing is in flight. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#waiting.length === 0;
  }

  /** @throws OverloadedError while too much waits already: nothing was sent */
  run(items: readonly Item[], alone = false): Promise<Reply> {
    if (this.#waiting.length >= WAITING) {
      return Promise.reject(
        new OverloadedError(
          `${WAITING} calls wait for this store already; nothing was sent. Retry later, with less at once.`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, since: performance.now(), alone, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= IN_FLIGHT || this.#waiting.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#sendNext();
    });
  }

  async #sendNext(): Promise<void> {
    const batch = this.#take();
    if (batch.calls.length === 0) return;
    this.#inFlight++;
    // Another batch may go at once with what didn't fit.
    this.#schedule();
    try {
      const reply = await this.#joining.send(batch.items);
      for (const { call, places } of batch.calls) {
        const part = this.#joining.part(reply, call.items, batch.items, places);
        if (part === null) this.run(call.items, true).then(call.resolve, call.reject);
        else call.resolve(part);
      }
    } catch (error) {
      for (const { call } of batch.calls) call.reject(error);
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }

  /** The calls that go together now, in the order in which they came. */
  #take() {
    const items: Item[] = [];
    const calls: { call: Call<Item, Reply>; places: number[] }[] = [];
    const left: Call<Item, Reply>[] = [];
    const held = new Map<string, number>();
    /** Of calls that stay: whoever names them too stays behind them. */
    const kept = new Set<string>();
    const { idOf, same } = this.#joining;
    const now = performance.now();
    for (const call of this.#waiting) {
      if (now - call.since > STALE_MS) {
        call.reject(new StoreTimeoutError("The call waited for too long; it wasn't sent."));
        continue;
      }
      const isFull = calls.length > 0 && items.length + call.items.length > BATCH;
      const mustWait = (id: string) => kept.has(id) || (held.has(id) && (same === "later" || call.alone));
      if (isFull || call.items.some((item) => mustWait(idOf(item)))) {
        for (const item of call.items) kept.add(idOf(item));
        left.push(call);
        continue;
      }
      const places = call.items.map((item) => {
        const id = idOf(item);
        const place = held.get(id);
        if (place !== undefined && typeof same === "function") {
          items[place] = same(items[place] as Item, item);
          return place;
        }
        held.set(id, items.length);
        return items.push(item) - 1;
      });
      // Nothing may join one that goes by itself.
      if (call.alone) for (const item of call.items) kept.add(idOf(item));
      calls.push({ call, places });
    }
    this.#waiting = left;
    return { items, calls };
  }
}
