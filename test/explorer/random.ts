/** Seeded choices: a stream for making plans, and named series for choices that must not shift when something else is left out. */

/** A series of numbers from 0 (inclusive) to 1 (exclusive) that depends on nothing but the seed and its name. */
export class Dice {
  readonly #start: number;
  #thrown = 0;

  constructor(seed: number, name: string) {
    this.#start = mixed(mixed(0x811c9dc5, String(seed)), name);
  }

  next(): number {
    let h = mixed(this.#start, String(++this.#thrown));
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  }
}

/** FNV-1a, and a mark of the text's end. */
function mixed(hash: number, text: string): number {
  let h = hash;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(h ^ 0x2f, 0x01000193);
}

/** A stream for parts that came later: they don't shift what a seed's plan was before. */
export function fork(seed: number, name: string): Random {
  return new Random(Math.floor(new Dice(seed, name).next() * 2 ** 32));
}

/** mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }
}
