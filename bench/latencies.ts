/** Collects how long operations took, and gives quantiles. */

export class Latencies {
  #values = new Float64Array(1024);
  #count = 0;

  /** Milliseconds. */
  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(this.#count * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count++] = ms;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds; `share` from 0 to 1. */
  quantile(share: number): number {
    if (this.#count === 0) throw new Error("nothing was measured");
    const sorted = this.#values.slice(0, this.#count).sort();
    return sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))] as number;
  }
}
