/**
 * Tells a key that SCAN gave before from a new one, in bounded memory: 53-bit hashes in an open table, 8 bytes a place.
 *
 * Whoever asks must treat a known key as one that may be new all the same: two of 10 million keys share a hash with a chance of
 * one in 180. So a repeated key is copied again, which changes nothing, and only isn't counted again.
 */

const START = 1 << 12;
/** Places at most: 256 MB, some 25 million keys. */
const LIMIT = 1 << 25;
const LOAD = 0.75;

export class DistinctKeys {
  #table: Float64Array;
  #size = 0;
  readonly #limit: number;
  #full = false;

  constructor(limit = LIMIT, start = START) {
    this.#limit = limit;
    this.#table = new Float64Array(start);
  }

  /** Has room for so many from the beginning: growing takes half as much again for a moment. */
  static expecting(keys: number): DistinctKeys {
    const places = 2 ** Math.ceil(Math.log2(Math.max(START, keys / LOAD + 1)));
    return new DistinctKeys(LIMIT, Math.min(LIMIT, places));
  }

  /** False: some keys came after the memory's limit, and of those repetitions weren't recognised. */
  get exact(): boolean {
    return !this.#full;
  }

  /** True if the key wasn't there before. */
  add(key: Buffer): boolean {
    if (this.#size >= this.#table.length * LOAD && !this.#grow()) {
      this.#full = true;
      return this.#place(hash53(key)) >= 0;
    }
    const hash = hash53(key);
    const place = this.#place(hash);
    if (place < 0) return false;
    this.#table[place] = hash;
    this.#size++;
    return true;
  }

  /** Where the hash would go; -1 if it is there. */
  #place(hash: number): number {
    const mask = this.#table.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const held = this.#table[at] as number;
      if (held === 0) return at;
      if (held === hash) return -1;
    }
  }

  #grow(): boolean {
    if (this.#table.length * 2 > this.#limit) return false;
    const old = this.#table;
    this.#table = new Float64Array(old.length * 2);
    for (const hash of old) {
      if (hash !== 0) this.#table[this.#place(hash)] = hash;
    }
    return true;
  }
}

/** Two multiplicative 32-bit hashes, mixed; never 0, which marks a free place. */
function hash53(key: Buffer): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (const byte of key) {
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 2 ** 32 * (2097151 & b) + (a >>> 0) || 1;
}
