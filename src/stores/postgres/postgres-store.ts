/** Postgres as one of the two stores: rows with versioned states, repair log, fence and leases. A table of contents; the work is in the files beside it. */
import type { Sql } from "postgres";
import type { Collection, CounterCollection, RecordCollection } from "../collection.js";
import type { PostgresSide } from "../sides.js";
import type {
  ApplyResult,
  CounterAdd,
  CounterAddResult,
  Fence,
  Fenced,
  HeldCounter,
  HeldRecord,
  Lease,
  LogEntry,
  LogStatus,
  Page,
  RecordWrite,
  RecordWriteResult,
} from "../store.js";
import { type ConnectionOptions, PostgresConnection, type PostgresInput } from "./connection.js";
import type { PostgresContext } from "./context.js";
import * as counters from "./counter-operations.js";
import { insertBareCounters, insertBareRecords } from "./insert-bare.js";
import { LogBound } from "./log-bound.js";
import * as records from "./record-operations.js";
import * as fences from "./statements/fence.js";
import { findByIndex } from "./statements/find-by-index.js";
import * as leases from "./statements/leases.js";
import * as logs from "./statements/repair-log.js";
import { serverClock } from "./statements/server-clock.js";
import { type Swept, sweep } from "./statements/sweep.js";

export interface PostgresStoreOptions extends ConnectionOptions {
  readonly postgres: PostgresInput;
  /** Entries a collection's repair log holds before it becomes one mark. @default 1_000_000 */
  readonly logLimit?: number;
}

export class PostgresStore implements PostgresSide {
  readonly name = "postgres";
  readonly #context: PostgresContext;
  readonly #options: PostgresStoreOptions;

  /** Connects at the first call. An unreachable server is no error here: calls fail until it answers. */
  constructor(given: PostgresStoreOptions) {
    const { postgres, logLimit = 1_000_000, ...options } = given;
    this.#options = given;
    const connection = new PostgresConnection(postgres, options);
    this.#context = { connection, logBound: new LogBound(connection, logLimit) };
  }

  /** As the Redis store is made, which has something to wait for. */
  static async connect(options: PostgresStoreOptions): Promise<PostgresStore> {
    return new PostgresStore(options);
  }

  readValues(collection: RecordCollection, ids: readonly string[]) {
    return records.readValues(this.#context, collection, ids);
  }
  readRecords(
    collection: RecordCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }> {
    return records.readRecords(this.#context, collection, ids);
  }
  /** Nobody bypasses the library here, so there is nothing to adopt. */
  inspectRecords(
    collection: RecordCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }> {
    return records.readRecords(this.#context, collection, ids);
  }
  writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>> {
    return records.writeRecords(this.#context, collection, term, writes);
  }
  applyRecords(
    collection: RecordCollection,
    term: number,
    states: readonly records.StateOf[],
  ): Promise<Fenced<ApplyResult>> {
    return (
      insertBareRecords(this.#context, collection, term, states) ??
      records.applyRecords(this.#context, collection, term, states)
    );
  }
  findByIndex(
    collection: RecordCollection,
    index: string,
    value: string,
  ): Promise<{ fence: Fence | null; ids: string[]; complete: boolean }> {
    return findByIndex(this.#context.connection, collection, index, value);
  }

  readCounters(
    collection: CounterCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
    return counters.readCounters(this.#context, collection, ids);
  }
  inspectCounters(
    collection: CounterCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
    return counters.readCounters(this.#context, collection, ids);
  }
  addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>> {
    return counters.addToCounters(this.#context, collection, term, adds);
  }
  applyCounters(
    collection: CounterCollection,
    term: number,
    states: readonly counters.StateOf[],
  ): Promise<Fenced<ApplyResult>> {
    return (
      insertBareCounters(this.#context, collection, term, states) ??
      counters.applyCounters(this.#context, collection, term, states)
    );
  }

  readLog(collection: Collection, limit: number): Promise<LogEntry[]> {
    return logs.readLog(this.#context.connection, collection.name, limit);
  }
  async clearLog(collection: Collection, entries: readonly LogEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await logs.clearLog(this.#context.connection, collection.name, entries);
    this.#context.logBound.removed(collection.name);
  }
  loggedCollections(): Promise<string[]> {
    return logs.loggedCollections(this.#context.connection);
  }
  logStatus(collection: Collection): Promise<LogStatus> {
    return logs.logStatus(this.#context.connection, collection.name);
  }
  takeOverflow(collection: Collection, token: string): Promise<void> {
    return logs.takeOverflow(this.#context.connection, collection.name, token);
  }
  settleOverflow(collection: Collection, token: string): Promise<void> {
    return logs.settleOverflow(this.#context.connection, collection.name, token);
  }

  readFence(collections?: readonly Collection[]): Promise<Fence | null> {
    const { connection } = this.#context;
    return collections ? fences.readFenceOf(connection, collections) : fences.readFence(connection, null);
  }
  async createFence(fence: Fence): Promise<Fence> {
    await fences.createFence(this.#context.connection, fence);
    const stands = await this.readFence();
    if (!stands)
      throw new Error("The row of dual_write_fence vanished while it was created; the library never removes it.");
    return stands;
  }
  closeFence(term: number, intact: readonly Collection[] = []): Promise<boolean> {
    const names = intact.map(({ name }) => name);
    return fences.closeFence(this.#context.connection, term, names);
  }
  openFence(term: number): Promise<boolean> {
    return fences.openFence(this.#context.connection, term);
  }
  raiseFence(term: number): Promise<void> {
    return fences.raiseFence(this.#context.connection, term);
  }
  raiseTerm(from: number): Promise<number | null> {
    return fences.raiseTerm(this.#context.connection, from);
  }
  setComplete(collection: Collection | null, complete: boolean): Promise<void> {
    return fences.setComplete(this.#context.connection, collection?.name ?? null, complete);
  }
  setRedisGivenUp(givenUp: boolean): Promise<void> {
    return fences.setRedisGivenUp(this.#context.connection, givenUp);
  }

  pageRecords(
    collection: RecordCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord }>> {
    return records.pageRecords(this.#context, collection, after, limit);
  }
  pageCounters(
    collection: CounterCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldCounter }>> {
    return counters.pageCounters(this.#context, collection, after, limit);
  }
  /** Removes what died longer ago than both stores remember, at most `limit` rows. Postgres only: Redis forgets by itself. */
  sweep(collection: Collection, limit: number): Promise<Swept> {
    return sweep(this.#context.connection, collection, limit);
  }

  putLease(lease: Lease, ttlMs: number): Promise<void> {
    return leases.putLease(this.#context.connection, lease, ttlMs);
  }
  dropLease(processId: string): Promise<void> {
    return leases.dropLease(this.#context.connection, processId);
  }
  readLeases(): Promise<Lease[]> {
    return leases.readLeases(this.#context.connection);
  }

  now(): Promise<number> {
    return serverClock(this.#context.connection);
  }
  /** One statement on a connection that other calls use as well. Rows are their values in the order of the columns. */
  run(text: string) {
    return this.#context.connection.run(text);
  }
  /** The raw client, for control tables and the migration's own reading. */
  get sql(): Sql {
    return this.#context.connection.sql;
  }
  /** The same database, but nothing that is done to it stays. `fence`: what it is taken to have, if it has none. Whoever asks closes it. */
  rehearsal(fence: Fence | null): PostgresStore {
    return new PostgresStore({ ...this.#options, rehearsal: fence ? fences.createFenceSql(fence) : "" });
  }
  /** The same database, on a connection of its own. Whoever asks closes it. */
  async beside(): Promise<PostgresStore> {
    return new PostgresStore({ ...this.#options, rehearsal: undefined, max: 1 });
  }
  /** A client of one connection of its own, for a long transaction. Whoever asks ends it. */
  dedicated(): Sql {
    return this.#context.connection.dedicated();
  }
  close(): Promise<void> {
    return this.#context.connection.close();
  }
}
