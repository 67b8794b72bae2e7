/** When what stands ends, as far as it is known, and which earlier states a loss of Redis's memory may bring back. */

import type { Asked, Tried } from "./history.js";
import type { Span } from "./some-order.js";

/** It ends at some moment between these two, which no clock but the server's knows. Null: never. */
export type Ends = { readonly from: number; readonly to: number } | null;

/** What the clocks of the servers, and two ways to ask for the time here, may differ by. Milliseconds. */
const CLOCKS_MS = 25;

export function endsBetween(from: number, to: number): Ends {
  return { from: from - CLOCKS_MS, to: to + CLOCKS_MS };
}

export function mayLive(ends: Ends, span: Span): boolean {
  return ends === null || span.from < ends.to;
}

export function mayBeOver(ends: Ends, span: Span): boolean {
  return ends !== null && span.to >= ends.from;
}

/** How one operation took effect, for all its tries together. */
export interface Effect {
  readonly begun: number;
  readonly ended: number;
  readonly optional: boolean;
  readonly isSafe: boolean;
  /** The begin of its last try. */
  readonly lastBegun: number;
  /** It was asked for once, and answered: what it was told is about this effect. */
  readonly told: Tried | null;
}

/** `didNothing` tells answers that leave everything as it was. Null: it certainly had no effect. */
export function effectOf({ tries }: Asked, didNothing: (tried: Tried) => boolean): Effect | null {
  const isUnknown = tries.some(({ end }) => end === "unknown");
  const done = tries.filter((tried) => typeof tried.end === "object" && !didNothing(tried));
  const first = tries[0];
  if (!first || (!isUnknown && done.length === 0)) return null;
  return {
    begun: first.begun,
    // Whichever try it was, the first that was answered knew of the effect.
    ended: Math.min(Number.POSITIVE_INFINITY, ...done.map(({ ended }) => ended)),
    optional: done.length === 0,
    isSafe: done.length > 0 && done.every(({ isSafe }) => isSafe),
    lastBegun: tries.at(-1)?.begun ?? first.begun,
    told: tries.length === 1 ? (done[0] ?? null) : null,
  };
}
