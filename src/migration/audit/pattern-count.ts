/** What was counted of the keys of one pattern. */
import type { Priority } from "../../stores/collection.js";
import { ADVICE } from "./foreign-table.js";
import type { PatternInfo, PatternRole } from "./key-classes.js";
import type { KeyFacts } from "./key-reader.js";
import { type MemoryEstimate, MemorySample } from "./memory-sample.js";
import { type TtlBucket, TtlBuckets } from "./ttl-buckets.js";

export interface OddFinding {
  readonly reason: string;
  readonly keys: number;
  /** A few of them. */
  readonly examples: readonly string[];
}

export interface PatternReport {
  /** As SCAN's MATCH understands it. */
  readonly pattern: string;
  readonly role: PatternRole;
  readonly collection: string | null;
  /** Where its keys go to; null: they aren't copied. */
  readonly table: string | null;
  readonly priority: Priority | null;
  /** Of another library's keys: whose they seem to be, and what has to become of them. */
  readonly foreign: {
    readonly library: string;
    readonly kind: string;
    readonly mustMove: boolean;
    readonly advice: string;
  } | null;
  readonly keys: number;
  /** Of the keys: an email in it is spelled otherwise than in lower case. */
  readonly otherSpellings: number;
  readonly types: Readonly<Record<string, number>>;
  /** Of all strings together. Bytes. */
  readonly valueBytes: number;
  /** Of all hashes, lists, sets and streams together. */
  readonly elements: number;
  readonly memory: MemoryEstimate;
  readonly ttl: Readonly<Record<TtlBucket, number>>;
  /** Keys whose name, type or value isn't what it should be. */
  readonly odd: readonly OddFinding[];
}

const EXAMPLES = 5;
/** Distinct reasons at most; the rest is counted together. */
const MOST_REASONS = 20;
/** Redis has far fewer types, but for those of modules. */
const MOST_TYPES = 20;

export class PatternCount {
  readonly info: PatternInfo;
  readonly sample: MemorySample;
  #keys = 0;
  #otherSpellings = 0;
  #valueBytes = 0;
  #elements = 0;
  readonly #types = new Map<string, number>();
  readonly #ttl = new TtlBuckets();
  readonly #odd = new Map<string, { keys: number; examples: string[] }>();

  constructor(info: PatternInfo, every: number) {
    this.info = info;
    this.sample = new MemorySample(every);
  }

  add({ type, ttlMs, size }: KeyFacts, isOtherSpelling: boolean): void {
    this.#keys++;
    if (isOtherSpelling) this.#otherSpellings++;
    this.#ttl.add(ttlMs);
    const name = this.#types.has(type) || this.#types.size < MOST_TYPES ? type : "others";
    this.#types.set(name, (this.#types.get(name) ?? 0) + 1);
    if (type === "string") this.#valueBytes += size ?? 0;
    else this.#elements += size ?? 0;
  }

  addOdd(reason: string, label: () => string): void {
    const name = this.#odd.has(reason) || this.#odd.size < MOST_REASONS ? reason : "other reasons";
    const found = this.#odd.get(name) ?? { keys: 0, examples: [] };
    found.keys++;
    if (found.examples.length < EXAMPLES) found.examples.push(label());
    this.#odd.set(name, found);
  }

  report(): PatternReport {
    const { pattern, role, collection, table, priority, library, kind } = this.info;
    return {
      pattern,
      role,
      collection,
      table,
      priority,
      foreign: library !== null && kind !== null ? { library, kind, ...ADVICE[kind] } : null,
      keys: this.#keys,
      otherSpellings: this.#otherSpellings,
      types: Object.fromEntries(this.#types),
      valueBytes: this.#valueBytes,
      elements: this.#elements,
      memory: this.sample.estimate(),
      ttl: this.#ttl.counts,
      odd: [...this.#odd].map(([reason, found]) => ({ reason, ...found })).sort((a, b) => b.keys - a.keys),
    };
  }
}
