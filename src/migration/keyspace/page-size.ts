/** How many keys to ask for at once: fewer where values are large, so that a page's memory is bounded. */
import type { Pace } from "../run/pace.js";

/** Of a page's values together, about. Bytes. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** A keyspace whose values nobody has seen yet may hold anything. */
const FIRST = 250;
/** By how much a page may be larger than the one before. */
const GROWTH = 2;

export class PageSize {
  readonly #most: number;
  readonly #pace: Pace;
  #keys: number;

  /** `pace`: makes pages smaller still, where others would suffer. */
  constructor(most: number, pace: Pace) {
    this.#most = most;
    this.#pace = pace;
    this.#keys = Math.min(FIRST, most);
  }

  get keys(): number {
    return Math.min(this.#keys, this.#pace.pageKeys(this.#most));
  }

  /** What a page held. */
  met(keys: number, bytes: number): void {
    const fitting = keys === 0 || bytes === 0 ? this.#most : Math.floor((PAGE_BYTES / bytes) * keys);
    this.#keys = Math.max(1, Math.min(this.#most, fitting, this.#keys * GROWTH));
  }
}
