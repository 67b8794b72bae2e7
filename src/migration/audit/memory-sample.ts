/** Estimates what the keys of one pattern take in memory from those of them that were measured, and says how far that may be off. */

export interface MemoryEstimate {
  /** Null: nothing was measured, though there are keys. */
  readonly bytes: number | null;
  /** The truth lies within this distance in 95 of 100 audits; 0: all were measured, or all that were are alike; null: it can't be told. */
  readonly errorBytes: number | null;
  readonly measured: number;
}

/** These are measured in any case: so that a small pattern is exact, and a great one has something to tell its spread by. */
const FIRST = 50;
/** Standard deviations on both sides of a mean that hold 95 %. */
const TWO_SIDED_95 = 1.96;

/**
 * Great keys are all measured, of the others the first and then each n-th. SCAN goes through the server's hash table, whose order
 * has nothing to do with sizes, so these are as good as drawn by lot.
 */
export class MemorySample {
  readonly #every: number;
  #keys = 0;
  #great = { keys: 0, bytes: 0 };
  /** Welford's running mean and sum of squared distances. */
  #measured = 0;
  #mean = 0;
  #squares = 0;

  constructor(every: number) {
    this.#every = every;
  }

  /** Counts a key, and says whether it is to be measured. */
  wants(isGreat: boolean): boolean {
    this.#keys++;
    if (!isGreat) return this.#keys <= FIRST || this.#keys % this.#every === 0;
    this.#great.keys++;
    return true;
  }

  add(bytes: number, isGreat: boolean): void {
    if (isGreat) {
      this.#great.bytes += bytes;
      return;
    }
    this.#measured++;
    const before = bytes - this.#mean;
    this.#mean += before / this.#measured;
    this.#squares += before * (bytes - this.#mean);
  }

  estimate(): MemoryEstimate {
    const keys = this.#keys - this.#great.keys;
    const n = this.#measured;
    const measured = n + this.#great.keys;
    if (keys > 0 && n === 0) return { bytes: null, errorBytes: null, measured };
    const bytes = Math.round(this.#great.bytes + keys * this.#mean);
    if (n >= keys) return { bytes, errorBytes: 0, measured };
    if (n < 2) return { bytes, errorBytes: null, measured };
    const deviation = Math.sqrt(this.#squares / (n - 1));
    const error = TWO_SIDED_95 * keys * (deviation / Math.sqrt(n)) * Math.sqrt(1 - n / keys);
    return { bytes, errorBytes: Math.ceil(error), measured };
  }
}

/** Of several patterns together; independent errors add up by their squares. */
export function sumOf(estimates: readonly MemoryEstimate[]): MemoryEstimate {
  const isKnown = estimates.every(({ bytes }) => bytes !== null);
  const isBounded = estimates.every(({ errorBytes }) => errorBytes !== null);
  return {
    bytes: isKnown ? estimates.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) : null,
    errorBytes: isBounded ? Math.ceil(Math.hypot(...estimates.map(({ errorBytes }) => errorBytes ?? 0))) : null,
    measured: estimates.reduce((sum, { measured }) => sum + measured, 0),
  };
}
