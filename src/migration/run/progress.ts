/** How far a run has come, for people who wait for it. */
import type { Counts } from "./tally.js";

export interface BackfillProgress {
  readonly phase: "copy" | "drain" | "finish";
  /** Keys listed so far, with the library's own and repetitions: what `total` counts too. */
  readonly scanned: number;
  /** Distinct keys so far, without the library's own. */
  readonly seen: number;
  /** Keys in the Redis database, about. */
  readonly total: number;
  /** Keys a second over the last seconds. */
  readonly rate: number;
  /** Milliseconds left; null while that can't be told. */
  readonly etaMs: number | null;
  readonly counts: Counts;
}

const WINDOW_MS = 10_000;

/** Rate and time left from what was done in the last seconds. */
export class RateMeter {
  readonly #marks: { readonly at: number; readonly done: number }[] = [];

  /** `left` is what remains to be done. */
  measure(done: number, left: number, at = performance.now()): { rate: number; etaMs: number | null } {
    this.#marks.push({ at, done });
    while (this.#marks.length > 2 && at - (this.#marks[0]?.at ?? at) > WINDOW_MS) this.#marks.shift();
    const first = this.#marks[0] ?? { at, done };
    const seconds = (at - first.at) / 1000;
    const rate = seconds > 0 ? (done - first.done) / seconds : 0;
    return { rate: Math.round(rate), etaMs: rate > 0 ? Math.round((Math.max(0, left) / rate) * 1000) : null };
  }
}
