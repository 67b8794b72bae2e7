/** Says what each key of the keyspace is: a record, a counter, another spelling of one, the usage statistics, or nothing of ours. */
import { isAscii, isUtf8 } from "node:buffer";
import { usageStatsKey } from "../../collections/usage-stats.js";
import { variantOf } from "../../collections/variants.js";
import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { companionKey, OWN_PREFIX } from "../../stores/redis/keys.js";
import type { BoundCollection } from "../migration-context.js";
import type { NamePatterns } from "./name-pattern.js";

export type SortedKey =
  | { readonly kind: "records"; readonly collection: BoundRecords<unknown>; readonly id: string }
  | { readonly kind: "counters"; readonly collection: BoundCounters; readonly id: string }
  /** `id` is that of the record or counter that the key's content belongs to. */
  | { readonly kind: "variant"; readonly collection: BoundCollection; readonly id: string }
  | { readonly kind: "statistics" }
  | { readonly kind: "ignored"; readonly pattern: string }
  /** It looks like a key of the collection, and can't be one. */
  | { readonly kind: "odd"; readonly collection: BoundCollection; readonly reason: string }
  /** The library's own; `of`: the record or counter whose companion it is, where companions are looked through. */
  | { readonly kind: "own"; readonly of: { readonly collection: BoundCollection; readonly id: string } | null };

/** The name under which the usage statistics are counted: that of their table. */
export const STATISTICS = "analytics_timeseries";

export interface KeySorterOptions {
  readonly collections: readonly BoundCollection[];
  readonly prefix: string;
  readonly patterns: NamePatterns;
  /** Names of the collections that the plan takes in, and {@link STATISTICS}. */
  readonly planned: ReadonlySet<string>;
  /** Names of the collections whose companions tell something that nothing else does. @default none */
  readonly lookedThrough?: ReadonlySet<string>;
}

export class KeySorter {
  readonly #options: KeySorterOptions;
  readonly #byName: ReadonlyMap<string, BoundCollection>;
  readonly #statisticsKey: string;

  constructor(options: KeySorterOptions) {
    this.#options = options;
    this.#byName = new Map(options.collections.map((collection) => [collection.name, collection]));
    this.#statisticsKey = usageStatsKey(options.prefix);
  }

  sort(key: Buffer): SortedKey {
    const plain = isAscii(key);
    // Far cheaper, and the same.
    const text = key.toString(plain ? "latin1" : "utf8");
    if (text.startsWith(OWN_PREFIX)) return { kind: "own", of: this.#companionOf(text) };
    const sorted = this.#ofCollection(text) ?? this.#variant(text);
    if (sorted) {
      if (!this.#options.planned.has(sorted.collection.name)) return this.#ignored(text);
      if (!plain && !isUtf8(key)) return { kind: "odd", collection: sorted.collection, reason: "the key isn't UTF-8" };
      if (text.includes("\0"))
        return { kind: "odd", collection: sorted.collection, reason: "the key holds U+0000, which Postgres refuses" };
      return sorted;
    }
    if (text === this.#statisticsKey && this.#options.planned.has(STATISTICS)) return { kind: "statistics" };
    return this.#ignored(text);
  }

  #ignored(text: string): SortedKey {
    return { kind: "ignored", pattern: this.#options.patterns.of(text) };
  }

  #ofCollection(text: string): Extract<SortedKey, { kind: "records" | "counters" | "odd" }> | null {
    for (const collection of this.#options.collections) {
      const id = parse(collection, text);
      if (id === null) continue;
      if (id === undefined)
        return { kind: "odd", collection, reason: "the collection gives the id of this key another key" };
      return collection.kind === "records" ? { kind: "records", collection, id } : { kind: "counters", collection, id };
    }
    return null;
  }

  #variant(text: string): Extract<SortedKey, { kind: "variant" }> | null {
    const variant = variantOf(text, this.#options.prefix);
    const collection = variant && this.#byName.get(variant.collection);
    return collection ? { kind: "variant", collection, id: variant.id } : null;
  }

  #companionOf(own: string): { collection: BoundCollection; id: string } | null {
    if (!this.#options.lookedThrough?.size) return null;
    const key = legacyKeyOf(own);
    const sorted = key === null ? null : this.#ofCollection(key);
    if (sorted?.kind !== "records" && sorted?.kind !== "counters") return null;
    return this.#options.lookedThrough.has(sorted.collection.name)
      ? { collection: sorted.collection, id: sorted.id }
      : null;
  }
}

/** Null: not the collection's. Undefined: it takes the key for its own, but doesn't come back to it from the id. */
function parse(collection: BoundCollection, key: string): string | null | undefined {
  const id = collection.parseKey(key);
  if (id === null) return null;
  try {
    return collection.redisKey(id) === key ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The legacy key that a companion stands beside; null for another of the library's keys. */
function legacyKeyOf(own: string): string | null {
  const rest = own.slice(OWN_PREFIX.length);
  if (!rest.startsWith("{")) return null;
  const end = rest.indexOf("}");
  const key = end === rest.length - 1 ? rest.slice(1, end) : rest.slice(end + 2);
  return companionKey(key) === own ? key : null;
}
