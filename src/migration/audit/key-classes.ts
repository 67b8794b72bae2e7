/** Says of each key by which pattern it is counted, what it belongs to, and whether its name is odd. */
import { getTableName } from "drizzle-orm";
import { usageStatsKey } from "../../collections/usage-stats.js";
import { escapeGlob } from "../../engine/key-pattern.js";
import { analyticsTimeseries } from "../../schema/analytics-timeseries.js";
import type { Priority } from "../../stores/collection.js";
import { OWN_PREFIX } from "../../stores/redis/keys.js";
import type { Keyspace } from "../bind-collections.js";
import { type DerivedKey, derivedKeysOf, familiesOf, familyOf, type KeyFamily } from "../keyspace/key-families.js";
import { KeySorter, STATISTICS } from "../keyspace/key-sorter.js";
import { NamePatterns } from "../keyspace/name-pattern.js";
import type { BoundCollection } from "../migration-context.js";
import { ForeignKeys } from "./foreign-keys.js";
import type { ForeignKind } from "./foreign-table.js";

export type PatternRole =
  | "records"
  | "counters"
  | "statistics"
  | "derived" // follows the records of a collection; made from them
  | "library" // the library's own
  | "foreign" // another library's
  | "unknown";

/** What is known of a pattern beforehand. */
export interface PatternInfo {
  /** As SCAN's MATCH understands it. */
  readonly pattern: string;
  readonly role: PatternRole;
  readonly collection: string | null;
  /** The table that its keys go to. */
  readonly table: string | null;
  readonly priority: Priority | null;
  readonly library: string | null;
  readonly kind: ForeignKind | null;
  /** The Redis type that its keys should have. */
  readonly expected: string | null;
}

export interface KeyClass {
  readonly info: PatternInfo;
  /** What the key's value is to be held against. */
  readonly record: { readonly collection: BoundCollection; readonly id: string } | null;
  /** Its email is spelled otherwise than the collection does: a backfill merges it. */
  readonly isOtherSpelling: boolean;
  /** What is odd about the name. */
  readonly odd: string | null;
}

const NOTHING = { collection: null, table: null, priority: null, library: null, kind: null, expected: null } as const;
const OWN: PatternInfo = { ...NOTHING, pattern: `${OWN_PREFIX}*`, role: "library" };

export class KeyClasses {
  readonly #sorter: KeySorter;
  readonly #foreign: ForeignKeys;
  readonly #families: ReadonlyMap<BoundCollection, readonly KeyFamily[]>;
  readonly #derived: readonly DerivedKey[];
  readonly #statistics: PatternInfo;
  /** One object for each pattern, so that callers may count by it. */
  readonly #infos = new Map<string, PatternInfo>();

  constructor({ collections, prefix }: Keyspace) {
    const planned = new Set([...collections.map(({ name }) => name), STATISTICS]);
    this.#sorter = new KeySorter({ collections, prefix, patterns: new NamePatterns(prefix), planned });
    this.#foreign = new ForeignKeys(prefix);
    this.#families = new Map(collections.map((collection) => [collection, familiesOf(collection)]));
    this.#derived = collections.flatMap(derivedKeysOf);
    this.#statistics = this.#known({
      ...NOTHING,
      pattern: escapeGlob(usageStatsKey(prefix)),
      role: "statistics",
      table: getTableName(analyticsTimeseries),
      priority: "high",
      expected: "hash",
    });
  }

  /** Every pattern that the collections have, whether or not there are keys of it. */
  planned(): PatternInfo[] {
    const families = [...this.#families.values()].flat().map((family) => this.#ofFamily(family));
    return [...families, ...this.#derived.map((derived) => this.#ofDerived(derived)), this.#statistics];
  }

  of(key: Buffer): KeyClass {
    const sorted = this.#sorter.sort(key);
    switch (sorted.kind) {
      case "own":
        return plain(OWN);
      case "statistics":
        return plain(this.#statistics);
      case "ignored":
        return plain(this.#others(key.toString(), sorted.pattern));
      case "odd":
        return { ...plain(this.#familyInfo(sorted.collection, key)), odd: sorted.reason };
      default: {
        const { collection, id } = sorted;
        const info = this.#familyInfo(collection, key);
        return { info, record: { collection, id }, isOtherSpelling: sorted.kind === "variant", odd: null };
      }
    }
  }

  #familyInfo(collection: BoundCollection, key: Buffer): PatternInfo {
    const families = this.#families.get(collection) as readonly KeyFamily[];
    return this.#ofFamily(families.length === 1 ? (families[0] as KeyFamily) : familyOf(families, key.toString()));
  }

  #others(text: string, pattern: string): PatternInfo {
    const derived = this.#derived.find(({ shape }) => shape.match(text) >= 0);
    if (derived) return this.#ofDerived(derived);
    const foreign = this.#foreign.recognise(text);
    return this.#known(
      foreign ? { ...NOTHING, ...foreign, role: "foreign" } : { ...NOTHING, pattern, role: "unknown" },
    );
  }

  #ofFamily({ collection, pattern }: KeyFamily): PatternInfo {
    return this.#known({ ...ofCollection(collection), pattern, role: collection.kind, expected: "string" });
  }

  #ofDerived({ collection, pattern }: DerivedKey): PatternInfo {
    return this.#known({ ...ofCollection(collection), pattern, role: "derived", table: null, expected: "set" });
  }

  #known(info: PatternInfo): PatternInfo {
    const name = `${info.role} ${info.pattern}`;
    const known = this.#infos.get(name);
    if (known) return known;
    this.#infos.set(name, info);
    return info;
  }
}

function ofCollection({ name, priority, table }: BoundCollection) {
  return { ...NOTHING, collection: name, priority, table: getTableName(table) };
}

function plain(info: PatternInfo): KeyClass {
  return { info, record: null, isOtherSpelling: false, odd: null };
}
