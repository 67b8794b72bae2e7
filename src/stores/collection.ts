/** What the stores need to know of a collection: its keys in Redis, its table in Postgres. Made by defineRecords and defineCounters. */
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";

/** Order of migration: critical first. */
export type Priority = "critical" | "high" | "medium" | "low";

/** A Redis set whose membership follows a record. */
export interface SetMembership {
  /** The set's key. */
  readonly key: string;
  readonly member: string;
  /** Whether the record's present state puts the member into the set. */
  readonly present: boolean;
  /** Seconds the set lives from now on, renewed at each addition; absent: unlimited. */
  readonly ttlSeconds?: number;
}

/** A collection of records as the stores see it. */
export interface RecordCollection {
  readonly kind: "records";
  /** Unique among the collections of a store; part of control rows and of the library's own Redis keys. */
  readonly name: string;
  readonly priority: Priority;
  /** The legacy key of a record. */
  readonly redisKey: (id: string) => string;
  /** The id that a legacy key stands for; null when the key isn't this collection's. */
  readonly parseKey: (key: string) => string | null;
  /** A glob for SCAN that lists at least the collection's keys (parseKey decides). */
  readonly pattern: string;
  readonly table: PgTable;
  /** The column that holds the record's id: unique, the conflict target of every upsert. */
  readonly idColumn: PgColumn;
  /**
   * The typed columns (by their property names in the Drizzle table) that stand beside the original bytes.
   * @throws ValidationError when the bytes aren't a value of this collection; the record is then set aside.
   */
  readonly project: (id: string, bytes: Buffer) => Record<string, unknown>;
  /** Sets that follow the record. `bytes` is null for a delete; must not throw for bytes it can't read. */
  readonly memberships: (id: string, bytes: Buffer | null) => readonly SetMembership[];
  /** Second ways to find a record: index name → column and the value that a record has there (null: not indexed). */
  readonly indexes: Readonly<Record<string, RecordIndex>>;
}

/** A second way to find a record. */
export interface RecordIndex {
  readonly column: PgColumn;
  /** The indexed value of a record; null when it has none. Must not throw for bytes it can't read. */
  readonly valueOf: (id: string, bytes: Buffer) => string | null;
}

/** A collection of counters as the stores see it. */
export interface CounterCollection {
  readonly kind: "counters";
  readonly name: string;
  readonly priority: Priority;
  readonly redisKey: (id: string) => string;
  readonly parseKey: (key: string) => string | null;
  readonly pattern: string;
  readonly table: PgTable;
  readonly idColumn: PgColumn;
  /** The typed columns beside the counter's parts. `sum` is what the counter stands at. */
  readonly project: (id: string, sum: number) => Record<string, unknown>;
}

export type Collection = RecordCollection | CounterCollection;
