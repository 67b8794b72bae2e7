/**
 * The mark by which a row can be told to be a run's own: in the place of the operation ids, of which a value that the library never
 * wrote has none. Whatever touches the row leaves another id there, or a stamp, so a row with this mark alone stands as it came.
 */
import { createHash } from "node:crypto";

/** Short, for it stands in each row. */
export function markOf(runId: string): string {
  return `bf_${createHash("sha256").update(runId).digest("base64url").slice(0, 10)}`;
}

interface Versioned {
  readonly stamp: number;
  readonly operations: readonly string[];
}

/** Only of what was never stamped: anything else came by its own writes, and would come again. */
export function marked<S extends Versioned>(state: S, mark: string | undefined): S {
  return mark === undefined || state.stamp > 0 ? state : { ...state, operations: [mark] };
}

/** For a row that stands already and is only brought up to date: it is no run's own any more. */
export function grown<S extends Versioned>(state: S, mark: string | undefined): S {
  return mark === undefined || state.stamp > 0 ? state : { ...state, operations: [`${mark}_grown`] };
}
