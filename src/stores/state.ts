/** The versioned states that both stores hold of a record and of a counter, and how two of them compare. */

/** Which of the two databases. */
export type StoreName = "redis" | "postgres";

/** The other store of the pair. */
export function otherStore(name: StoreName): StoreName {
  return name === "redis" ? "postgres" : "redis";
}

/**
 * The version of a record: microseconds of the authority server's clock, pushed above the record's present stamp,
 * its last bit naming the authority that gave it (0 Redis, 1 Postgres). A safe integer. 0 means: never stamped.
 */
export type Stamp = number;

/** What a store holds of a record: a value or, where `bytes` is null, the tombstone of a delete. */
export interface RecordState {
  readonly stamp: Stamp;
  /** The legacy value exactly as Redis has it; null is a tombstone. */
  readonly bytes: Buffer | null;
  /** Milliseconds since the epoch; null never expires. Always null for a tombstone. */
  readonly expiresAt: number | null;
  /** The last operation ids applied, oldest first, at most {@link RECORD_OPERATIONS}. */
  readonly operations: readonly string[];
}

/**
 * What a store holds of a counter. Its sum is `redisPart + postgresPart`: what was counted with each as the authority.
 * Within a generation each part only grows; a greater generation wins whole.
 */
export interface CounterState {
  /** Microseconds of the clock of the authority that began it; 0 for a counter that was never stamped. */
  readonly generation: number;
  readonly redisPart: number;
  readonly postgresPart: number;
  /** Rises with each change; orders repair-log entries, never decides a merge. */
  readonly stamp: Stamp;
  readonly expiresAt: number | null;
  /** The last operation ids applied, oldest first, at most {@link COUNTER_OPERATIONS}. */
  readonly operations: readonly string[];
}

/** How many operation ids travel with a record. A repetition is recognised while fewer operations than this came after it. */
export const RECORD_OPERATIONS = 16;

/** How many operation ids travel with a counter. */
export const COUNTER_OPERATIONS = 64;

/** How long a tombstone, and what the library knows of an expired record, outlives its confirmation by the mirror. Milliseconds. */
export const RETENTION_MS = 14 * 24 * 60 * 60 * 1000;

/** The bit by which a stamp names its authority. */
export const STAMP_BIT: Readonly<Record<StoreName, 0 | 1>> = { redis: 0, postgres: 1 };

/** The stamp that `authority` gives at `micros` (its server's clock, microseconds) to a record that holds `held` so far. */
export function nextStamp(authority: StoreName, micros: number, held: Stamp): Stamp {
  const bit = STAMP_BIT[authority];
  const base = Math.max(micros, held + 1);
  return base % 2 === bit ? base : base + 1;
}

/** A state is applied only if it is newer than the one held. Equal stamps are the same state. */
export function isNewer(incoming: Stamp, held: Stamp): boolean {
  return incoming > held;
}

/** The ids that travel on after `added` was applied: newest last, without repetition, at most `limit`. */
export function rememberOperation(held: readonly string[], added: string, limit: number): string[] {
  return [...held.filter((id) => id !== added), added].slice(-limit);
}

/** What both stores hold of a counter once they have told each other: the greater generation whole, or each part's maximum. */
export function mergeCounters(a: CounterState, b: CounterState): CounterState {
  if (a.generation !== b.generation) return a.generation > b.generation ? a : b;
  const [newer, older] = a.stamp >= b.stamp ? [a, b] : [b, a];
  return {
    generation: a.generation,
    redisPart: Math.max(a.redisPart, b.redisPart),
    postgresPart: Math.max(a.postgresPart, b.postgresPart),
    stamp: newer.stamp,
    expiresAt: newer.expiresAt,
    operations: [...older.operations.filter((id) => !newer.operations.includes(id)), ...newer.operations].slice(
      -COUNTER_OPERATIONS,
    ),
  };
}
