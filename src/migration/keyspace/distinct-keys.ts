/**
 * Tells a key that SCAN gave before from a new one, in bounded memory: 5 bytes a place, four of five places taken at most.
 *
 * A key has its place by one part of its hash and leaves 40 bits of the rest there. Whoever asks must treat a known key as one that
 * may be new all the same: of 10 million keys two are taken for one with a chance of one in 30,000. So a repeated key is copied
 * again, which changes nothing, and only isn't counted again.
 */

const LEAST = 1 << 12;
/** Places at most: 250 MB, 40 million keys. */
const LIMIT = 50_000_000;
const LOAD = 0.8;

export class DistinctKeys {
  /** Never moved: a table that grew would need half as much again while it did. */
  readonly #tables: Table[];
  readonly #limit: number;
  #places: number;
  #full = false;

  constructor(limit = LIMIT, expected = 0) {
    this.#limit = limit;
    this.#places = Math.min(limit, Math.max(LEAST, Math.ceil(expected / LOAD)));
    this.#tables = [new Table(this.#places)];
  }

  /** Has room for so many from the beginning. */
  static expecting(keys: number): DistinctKeys {
    return new DistinctKeys(LIMIT, keys);
  }

  /** False: some keys came after the memory's limit, and of those repetitions weren't recognised. */
  get exact(): boolean {
    return !this.#full;
  }

  /** True if the key wasn't there before. */
  add(key: Buffer): boolean {
    const [spot, mark] = hash(key);
    const newest = this.#tables.at(-1) as Table;
    for (const table of this.#tables) {
      if (table !== newest && table.has(spot, mark)) return false;
    }
    if (!newest.isFull) return newest.add(spot, mark);
    if (newest.has(spot, mark)) return false;
    const table = this.#more();
    if (table) table.add(spot, mark);
    else this.#full = true;
    return true;
  }

  /** More keys than expected: another table, half as large as all before. Null: the memory's limit is reached. */
  #more(): Table | null {
    const places = Math.min(Math.ceil(this.#places / 2), this.#limit - this.#places);
    if (places < 1) return null;
    this.#places += places;
    const table = new Table(places);
    this.#tables.push(table);
    return table;
  }
}

/** Open addressing; a mark is never 0, which says that a place is free. */
class Table {
  readonly #low: Uint32Array;
  readonly #high: Uint8Array;
  readonly #most: number;
  #size = 0;

  constructor(places: number) {
    this.#low = new Uint32Array(places);
    this.#high = new Uint8Array(places);
    this.#most = Math.max(1, Math.floor(places * LOAD));
  }

  get isFull(): boolean {
    return this.#size >= this.#most;
  }

  has(spot: number, mark: Mark): boolean {
    return this.#find(spot, mark) < 0;
  }

  /** False: it is there. */
  add(spot: number, mark: Mark): boolean {
    const place = this.#find(spot, mark);
    if (place < 0) return false;
    this.#low[place] = mark.low;
    this.#high[place] = mark.high;
    this.#size++;
    return true;
  }

  /** Where it would go; -1 if it is there. */
  #find(spot: number, { low, high }: Mark): number {
    const places = this.#low.length;
    for (let at = Math.floor((spot / 2 ** 32) * places); ; at = at + 1 < places ? at + 1 : 0) {
      if (this.#high[at] === 0) return at;
      if (this.#low[at] === low && this.#high[at] === high) return -1;
    }
  }
}

interface Mark {
  readonly low: number;
  /** From 1 to 255. */
  readonly high: number;
}

/** Two multiplicative 32-bit hashes, mixed. The place comes from the upper bits of one; its lowest byte and the other are the mark. */
function hash(key: Buffer): [spot: number, mark: Mark] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let n = 0; n < key.length; n++) {
    const byte = key[n] as number;
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a >>> 0, { low: b >>> 0, high: a & 0xff || 1 }];
}
