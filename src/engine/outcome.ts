/** How a read ends. */
import { DeadlineExceededError } from "../errors.js";
import type { Operation } from "../stores/operation.js";
import type { Stamp, StoreName } from "../stores/state.js";

/** A read ends as hit, miss or error, with the store it came from; an error is never turned into a miss. */
export type ReadOutcome<T> =
  | {
      readonly kind: "hit";
      readonly value: T;
      readonly store: StoreName;
      /** The store that isn't the authority answered; the value may be stale by the lag. */
      readonly fallback: boolean;
      readonly stamp?: Stamp;
      /** Milliseconds since the epoch, null for none; absent where the read didn't learn it. */
      readonly expiresAt?: number | null;
    }
  | { readonly kind: "miss"; readonly store: StoreName; readonly fallback: boolean }
  | { readonly kind: "error"; readonly error: Error; readonly store?: StoreName; readonly fallback: boolean };

/** Applies `decode` to a hit; a value that can't be decoded is an error, not a miss. */
export function mapHit<A, B>(outcome: ReadOutcome<A>, decode: (value: A) => B): ReadOutcome<B> {
  if (outcome.kind !== "hit") return outcome;
  try {
    return { ...outcome, value: decode(outcome.value) };
  } catch (error) {
    return { kind: "error", error: error as Error, store: outcome.store, fallback: outcome.fallback };
  }
}

/** The outcome of a read, or as soon as the caller cancels it an error. */
export function firstOrCancelled<T>(operation: Operation, read: Promise<ReadOutcome<T>>): Promise<ReadOutcome<T>> {
  return orCancelled(
    operation,
    1,
    read.then((outcome) => [outcome]),
  ).then(([outcome]) => outcome as ReadOutcome<T>);
}

/** The outcomes of a read, or as soon as the caller cancels it as many errors. */
export function orCancelled<T>(
  operation: Operation,
  count: number,
  read: Promise<ReadOutcome<T>[]>,
): Promise<ReadOutcome<T>[]> {
  if (!operation.cancel) return read;
  return operation.orCancelled(read, readCancelled).catch((error: unknown) => {
    if (!(error instanceof DeadlineExceededError)) throw error;
    return Array.from({ length: count }, () => ({ kind: "error", error, fallback: false }) as const);
  });
}

export function readCancelled(): DeadlineExceededError {
  return new DeadlineExceededError("The read was cancelled by its signal.");
}
