/** A line of the facade's table: two ways to do the same. */
import type { Way } from "../compare.js";

/** Ratios aimed at with 1, 64 and 256 operations in flight. */
export interface Row {
  readonly name: string;
  readonly ours: Way;
  readonly against: string;
  readonly theirs: Way;
  readonly aims: readonly [number, number, number];
}
