/** Everything the engine tells: one builder an event, from which the types derive. Keys appear as hashes only. */
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Stamp, StoreName } from "../stores/state.js";

/** Names a key without revealing it. */
export function hashKey(collection: string, id: string): string {
  return createHash("sha256").update(`${collection}\0${id}`).digest("hex").slice(0, 16);
}

export type DivergenceKind =
  | "missing" // the mirror lacks what the authority has
  | "extra" // the mirror has what the authority lacks
  | "value"
  | "expiry"
  | "bypass-overwritten"; // a bypass writer's change that wasn't adopted was replaced

export const events = {
  /** The stores hold different truths beyond what the repair log explains. */
  divergence: (
    kind: DivergenceKind,
    collection: string,
    id: string,
    redisStamp: Stamp | null,
    postgresStamp: Stamp | null,
  ) => ({
    kind,
    collection,
    keyHash: hashKey(collection, id),
    redisStamp,
    postgresStamp,
  }),
  /** A read was answered by the store that isn't the authority, or by an authority that may lack what `from` couldn't be asked for. */
  fallback: (collection: string, from: StoreName, to: StoreName, count: number, reason: string) => ({
    collection,
    from,
    to,
    count,
    reason,
  }),
  /** Entries of a repair log were worked off. */
  repair: (collection: string, to: StoreName, count: number, lagMs: number) => ({ collection, to, count, lagMs }),
  /** This process follows another strategy, or the authority moved. */
  strategy: (strategy: string, authority: StoreName | null, term: number, waitingFor: string | null) => ({
    strategy,
    authority,
    term,
    waitingFor,
  }),
  /** The mirror couldn't be told; the repair log remembers. */
  mirrorFailure: (collection: string, mirror: StoreName, count: number, reason: string) => ({
    collection,
    mirror,
    count,
    reason,
  }),
  /** The mirror refuses a record for good; it was set aside. */
  rejected: (collection: string, id: string, reason: string) => ({
    collection,
    keyHash: hashKey(collection, id),
    reason,
  }),
} as const;

export type DualWriteEvents = { [K in keyof typeof events]: ReturnType<(typeof events)[K]> };
export type EventName = keyof DualWriteEvents;

/** A typed emitter; a listener that throws disturbs nobody. */
export class EventHub {
  readonly #emitter = new EventEmitter();
  readonly counts: Record<EventName, number> = {
    divergence: 0,
    fallback: 0,
    repair: 0,
    strategy: 0,
    mirrorFailure: 0,
    rejected: 0,
  };

  on<K extends EventName>(name: K, listener: (event: DualWriteEvents[K]) => void): () => void {
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }

  emit<K extends EventName>(name: K, event: DualWriteEvents[K]): void {
    this.counts[name]++;
    for (const listener of this.#emitter.listeners(name)) {
      try {
        (listener as (event: DualWriteEvents[K]) => void)(event);
      } catch {
        // The listener's own fault; the operation that told of this must not fail for it.
      }
    }
  }
}
