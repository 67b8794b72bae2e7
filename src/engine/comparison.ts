/** Compares a sample of reads with the mirror, off the request's path and never at its cost. */
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import { otherStore } from "../stores/state.js";
import type { Fence } from "../stores/store.js";
import { type EngineContext, guardOf } from "./context.js";
import { differenceOf, type Held, lastingDifference, sameHeld, stampOf } from "./difference.js";
import { events } from "./events.js";
import type { ReadOutcome } from "./outcome.js";

/** Comparisons in flight at most. */
const LIMIT = 4;
/** Records of one comparison at most; further samples are left out. */
const AT_ONCE = 500;
/** Entries of the repair log that are looked through. */
const LOG_LIMIT = 10_000;
/** Between the two looks: a difference counts only between two states that stood still. Milliseconds. */
const SECOND_LOOK_MS = 200;

export class Comparison {
  readonly #context: EngineContext;
  /** Reads that go with the next comparison of their collection: how often each id was read. */
  readonly #waiting = new Map<Collection, { readonly authority: StoreName; readonly reads: Map<string, number> }>();
  #inFlight = 0;
  #idle: (() => void)[] = [];
  /** Reads compared so far, and how many differed. */
  readonly counts = { compared: 0, differed: 0 };

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Whether any reads are compared now. */
  get isOn(): boolean {
    return this.#context.policy().compare > 0;
  }

  /** Takes its sample of reads that the authority answered. */
  sample(collection: Collection, ids: readonly string[], outcomes: readonly ReadOutcome<unknown>[]): void {
    const { compare } = this.#context.policy();
    if (compare === 0) return;
    const authority = outcomes.find(({ kind, fallback }) => kind !== "error" && !fallback)?.store;
    if (!authority) return;
    for (const id of ids) if (Math.random() < compare) this.#add(collection, authority, id);
    this.#begin();
  }

  /** Resolves when no comparison is in flight. */
  async settled(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #add(collection: Collection, authority: StoreName, id: string): void {
    const waiting = this.#waiting.get(collection) ?? { authority, reads: new Map<string, number>() };
    if (waiting.authority !== authority || waiting.reads.size >= AT_ONCE) return;
    this.#waiting.set(collection, waiting);
    waiting.reads.set(id, (waiting.reads.get(id) ?? 0) + 1);
  }

  /** What comes while as many as may be are in flight goes together with the next. */
  #begin(): void {
    for (const [collection, { authority, reads }] of this.#waiting) {
      if (this.#inFlight >= LIMIT) return;
      this.#waiting.delete(collection);
      this.#inFlight++;
      void this.#compare(collection, reads, authority)
        .catch(() => {}) // A store that can't be compared now is reported by its own calls.
        .finally(() => {
          this.#inFlight--;
          this.#begin();
          if (this.#inFlight === 0) for (const done of this.#idle.splice(0)) done();
        });
    }
  }

  async #compare(collection: Collection, reads: ReadonlyMap<string, number>, authority: StoreName): Promise<void> {
    const ids = [...reads.keys()];
    const first = await this.#look(collection, ids, authority);
    for (const times of reads.values()) this.counts.compared += times;
    // A log too long to be looked through could explain anything, and so does what an incomplete store is known to lack.
    if (first.logged.size >= LOG_LIMIT || !first.whole) return;
    const suspects = ids.filter((_, i) => differenceOf(collection, first.mine[i] as Held, first.theirs[i] as Held));
    if (suspects.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
    const [second, now] = await Promise.all([this.#look(collection, suspects, authority), this.#presentMoment()]);
    if (!second.whole) return;
    for (const [i, id] of suspects.entries()) {
      const at = ids.indexOf(id);
      const [mine, theirs] = [second.mine[i] as Held, second.theirs[i] as Held];
      const kind = lastingDifference(collection, mine, theirs, now);
      const stood = sameHeld(mine, first.mine[at] as Held) && sameHeld(theirs, first.theirs[at] as Held);
      if (!kind || !stood || second.logged.has(id)) continue;
      this.counts.differed++;
      const stamps = { [authority]: stampOf(mine), [otherStore(authority)]: stampOf(theirs) } as Record<
        StoreName,
        number | null
      >;
      this.#context.events.emit(
        "divergence",
        events.divergence(kind, collection.name, id, stamps.redis, stamps.postgres),
      );
    }
  }

  /** The later of the two servers' clocks. */
  async #presentMoment(): Promise<number> {
    const { redis, postgres, deadlines } = this.#context;
    const clocks = [redis, postgres].map((guard) => guard?.attempt((store) => store.now(), deadlines.mirror) ?? 0);
    return Math.max(...(await Promise.all(clocks)));
  }

  async #look(collection: Collection, ids: readonly string[], authority: StoreName) {
    const mine = guardOf(this.#context, authority);
    const theirs = guardOf(this.#context, otherStore(authority));
    if (!mine || !theirs) throw new Error("only one store is connected");
    const { deadlines } = this.#context;
    const log = await mine.attempt((store) => store.readLog(collection, LOG_LIMIT), deadlines.mirror);
    const [a, b] = await Promise.all([
      inspect(mine, collection, ids, deadlines.mirror),
      inspect(theirs, collection, ids, deadlines.mirror),
    ]);
    return {
      mine: a.held,
      theirs: b.held,
      whole: (a.fence?.complete && b.fence?.complete) ?? false,
      logged: new Set(log.map((entry) => entry.id)),
    };
  }
}

function inspect(
  guard: Guard,
  collection: Collection,
  ids: readonly string[],
  timeoutMs: number,
): Promise<{ readonly fence: Fence | null; readonly held: readonly Held[] }> {
  return collection.kind === "records"
    ? guard.attempt((store) => store.inspectRecords(collection, ids), timeoutMs)
    : guard.attempt((store) => store.inspectCounters(collection, ids), timeoutMs);
}
