/** A Postgres server in memory: a table for each collection. Rows are replaced whole; a tombstone is a row without bytes. */
import type { Collection, CounterCollection, RecordCollection } from "../../src/stores/collection.js";
import type { CounterState, RecordState, Stamp } from "../../src/stores/state.js";
import { MemoryServer } from "./memory-server.js";

export class MemoryPostgresServer extends MemoryServer {
  readonly #records = new Map<string, Map<string, RecordState>>();
  readonly #counters = new Map<string, Map<string, CounterState>>();

  records(collection: RecordCollection): Map<string, RecordState> {
    return table(this.#records, collection.name);
  }

  counters(collection: CounterCollection): Map<string, CounterState> {
    return table(this.#counters, collection.name);
  }

  /** Why a constraint of the table's own refuses a value; null where it doesn't. */
  refuses: (collection: RecordCollection, id: string, bytes: Buffer) => string | null = () => null;

  /** When backfills began that haven't ended. Milliseconds since the epoch. */
  unfinishedBackfills: () => readonly number[] = () => [];

  /** Without a Redis to bring up to date nothing needs an entry. */
  log(collection: Collection, id: string, stamp: Stamp, limit: number): void {
    if (!this.control.fence?.redisGivenUp) this.control.log(collection.name, id, stamp, limit);
  }
}

function table<T>(tables: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const rows = tables.get(name) ?? new Map<string, T>();
  tables.set(name, rows);
  return rows;
}
