/** Compares a sample of reads with the mirror, off the request's path and never at its cost. */
import type { RecordCollection } from "../stores/collection.js";
import type { StoreName } from "../stores/state.js";
import { otherStore } from "../stores/state.js";
import type { HeldRecord } from "../stores/store.js";
import { type EngineContext, guardOf } from "./context.js";
import { type DivergenceKind, events } from "./events.js";

/** Comparisons in flight at most; further samples are left out. */
const LIMIT = 32;
/** Entries of the repair log that are looked through. */
const LOG_LIMIT = 10_000;
/** Between the two looks: a difference counts only between two states that stood still. Milliseconds. */
const SECOND_LOOK_MS = 200;

/** How two stores' records differ in what a reader would see; null: they agree. */
export function difference(authority: HeldRecord, mirror: HeldRecord): DivergenceKind | null {
  const live = (held: HeldRecord) => held.kind === "value";
  if (!live(authority) && !live(mirror)) return null;
  if (!live(mirror)) return "missing";
  if (!live(authority)) return "extra";
  const [a, b] = [authority, mirror] as [
    Extract<HeldRecord, { kind: "value" }>,
    Extract<HeldRecord, { kind: "value" }>,
  ];
  if (!a.bytes.equals(b.bytes)) return "value";
  // Redis Cluster's and older servers' clocks give an expiry to within a millisecond.
  if ((a.expiresAt === null) !== (b.expiresAt === null) || Math.abs((a.expiresAt ?? 0) - (b.expiresAt ?? 0)) > 1)
    return "expiry";
  return null;
}

export class Comparison {
  readonly #context: EngineContext;
  #inFlight = 0;
  #idle: (() => void)[] = [];
  /** Reads compared so far, and how many differed. */
  readonly counts = { compared: 0, differed: 0 };

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Takes its sample of the reads that `authority` just answered. */
  sample(collection: RecordCollection, ids: readonly string[], authority: StoreName): void {
    const { compare } = this.#context.policy();
    if (compare === 0 || this.#inFlight >= LIMIT) return;
    const chosen = ids.filter(() => Math.random() < compare);
    if (chosen.length === 0) return;
    this.#inFlight++;
    void this.#compare(collection, chosen, authority)
      .catch(() => {}) // A store that can't be compared now is reported by its own calls.
      .finally(() => {
        this.#inFlight--;
        if (this.#inFlight === 0) for (const done of this.#idle.splice(0)) done();
      });
  }

  /** Resolves when no comparison is in flight. */
  async settled(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #compare(collection: RecordCollection, ids: readonly string[], authority: StoreName): Promise<void> {
    const first = await this.#look(collection, ids, authority);
    this.counts.compared += ids.length;
    // A log too long to be looked through could explain anything.
    if (first.logged.size >= LOG_LIMIT) return;
    const suspects = ids.filter((_, i) => difference(first.mine[i] as HeldRecord, first.theirs[i] as HeldRecord));
    if (suspects.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
    const second = await this.#look(collection, suspects, authority);
    for (const [i, id] of suspects.entries()) {
      const at = ids.indexOf(id);
      const [mine, theirs] = [second.mine[i] as HeldRecord, second.theirs[i] as HeldRecord];
      const kind = difference(mine, theirs);
      const stood = sameState(mine, first.mine[at] as HeldRecord) && sameState(theirs, first.theirs[at] as HeldRecord);
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

  async #look(collection: RecordCollection, ids: readonly string[], authority: StoreName) {
    const mine = guardOf(this.#context, authority);
    const theirs = guardOf(this.#context, otherStore(authority));
    if (!mine || !theirs) throw new Error("only one store is connected");
    const { deadlines } = this.#context;
    const log = await mine.attempt((store) => store.readLog(collection, LOG_LIMIT), deadlines.mirror);
    const [a, b] = await Promise.all([
      mine.attempt((store) => store.inspectRecords(collection, ids), deadlines.mirror),
      theirs.attempt((store) => store.inspectRecords(collection, ids), deadlines.mirror),
    ]);
    return { mine: a.held, theirs: b.held, logged: new Set(log.map((entry) => entry.id)) };
  }
}

function stampOf(held: HeldRecord): number | null {
  return "stamp" in held ? held.stamp : null;
}

function sameState(a: HeldRecord, b: HeldRecord): boolean {
  return (
    a.kind === b.kind &&
    stampOf(a) === stampOf(b) &&
    (a.kind !== "value" || b.kind !== "value" || a.bytes.equals(b.bytes))
  );
}
