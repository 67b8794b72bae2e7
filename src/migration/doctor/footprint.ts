/** What the library will store beside the data, estimated from a sample of the keys and the sizes that docs/concepts.md states. */
import type { Redis } from "ioredis";
import { sampleKeys, valueLengths } from "../../stores/redis/sample-keys.js";
import type { BoundCollection } from "../migration-context.js";

export interface CollectionFootprint {
  /** About. */
  readonly keys: number;
  /** Bytes in Redis once each of them was written once through the library; a backfill writes none of it. */
  readonly companions: number;
  /** The same, once each remembers as many operation ids as it may. */
  readonly companionsAtMost: number;
  /** Bytes in Redis of the entries by which records are found by a second key. */
  readonly indexes: number;
  /** Bytes in Postgres: rows with the values as Redis has them, typed columns and indexes. */
  readonly rows: number;
}

export interface Footprint {
  /** Of the whole Redis database. */
  readonly keys: number;
  /** Keys looked at. The figures are as good as a sample of this size. */
  readonly sampled: number;
  readonly collections: Readonly<Record<string, CollectionFootprint>>;
  /** Bytes in Redis once all was written: companions and indexes. */
  readonly redis: number;
  /** Bytes in Postgres once all was copied. */
  readonly postgres: number;
  /** Bytes of all repair logs if the mirror is away for so long that each is full. */
  readonly repairLogsAtMost: number;
}

const SAMPLE = 20_000;
/** Values of a collection whose length is asked for. */
const LENGTHS = 200;
const DEFAULT_LOG_LIMIT = 1_000_000;

/** Bytes, as in the tables of docs/concepts.md. */
const SIZES = {
  records: { companion: 200, companionAtMost: 1400 },
  counters: { companion: 140, companionAtMost: 5200 },
  index: 190,
  logEntry: 130,
  /** A row's header, sync columns and entries in the indexes. */
  row: 300,
} as const;

/** `client`: connected. */
export async function estimateFootprint(client: Redis, collections: readonly BoundCollection[]): Promise<Footprint> {
  const [keys, sample] = [await client.dbsize(), await sampleKeys(client, SAMPLE)];
  const scale = sample.length === 0 ? 0 : Math.max(1, keys / sample.length);
  const found: [string, CollectionFootprint][] = [];
  for (const collection of collections) {
    const own = sample.filter((key) => collection.parseKey(key) !== null);
    const lengths = await valueLengths(client, own.slice(0, LENGTHS));
    const length = lengths.reduce((sum, one) => sum + one, 0) / Math.max(1, lengths.length);
    found.push([collection.name, footprintOf(collection, Math.round(own.length * scale), length)]);
  }
  const sum = (part: (one: CollectionFootprint) => number) => found.reduce((all, [, one]) => all + part(one), 0);
  return {
    keys,
    sampled: sample.length,
    collections: Object.fromEntries(found),
    redis: sum((one) => one.companions + one.indexes),
    postgres: sum((one) => one.rows),
    repairLogsAtMost: collections.length * DEFAULT_LOG_LIMIT * SIZES.logEntry,
  };
}

function footprintOf(collection: BoundCollection, keys: number, valueBytes: number): CollectionFootprint {
  const { companion, companionAtMost } = SIZES[collection.kind];
  const indexes = collection.kind === "records" ? Object.keys(collection.indexes).length : 0;
  // The value stands in Postgres as it is, and once more in its typed columns.
  const copies = collection.kind === "records" ? 2 : 1;
  return {
    keys,
    companions: keys * companion,
    companionsAtMost: keys * companionAtMost,
    indexes: keys * indexes * SIZES.index,
    rows: Math.round(keys * (copies * valueBytes + SIZES.row)),
  };
}
