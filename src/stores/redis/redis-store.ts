/** Redis as one of the two stores: legacy keys, companions, repair logs, fence and leases. A table of contents; the work is in the files beside it. */
import type { Collection, CounterCollection, RecordCollection } from "../collection.js";
import type { LastFence, MemoryClaim, RedisSide } from "../sides.js";
import type { CounterState, RecordState } from "../state.js";
import type {
  CounterAdd,
  Fence,
  HeldCounter,
  HeldRecord,
  Lease,
  LogEntry,
  LogStatus,
  Page,
  RecordWrite,
} from "../store.js";
import * as control from "./control-operations.js";
import * as counters from "./counter-operations.js";
import * as indexing from "./index-records.js";
import { lookAtCounters, lookAtRecords } from "./look-at-many.js";
import * as reads from "./record-reads.js";
import * as records from "./record-writes.js";
import { RedisConnection, type RedisInput } from "./redis-connection.js";
import type { Adopt, RedisContext } from "./redis-context.js";

export interface RedisStoreOptions {
  readonly redis: RedisInput;
  /** Entries a collection's repair log holds before it becomes one mark. @default 1_000_000 */
  readonly logLimit?: number;
}

export class RedisStore implements RedisSide {
  readonly name = "redis";
  /** A script goes through its records one after another. */
  readonly sameIdTwice = true;
  readonly #context: RedisContext;

  private constructor(context: RedisContext) {
    this.#context = context;
  }

  /** Begins to connect. An unreachable server is no error here: calls fail until it answers. */
  static async connect(options: RedisStoreOptions): Promise<RedisStore> {
    const connection = new RedisConnection(options.redis);
    await connection.start();
    return new RedisStore({ connection, logLimit: options.logLimit ?? 1_000_000 });
  }

  readValues(collection: RecordCollection, ids: readonly string[]) {
    return reads.readValues(this.#context, collection, ids);
  }
  readRecords(
    collection: RecordCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }> {
    return reads.readRecords(this.#context, collection, ids);
  }
  inspectRecords(collection: RecordCollection, ids: readonly string[], adopt?: Adopt, most?: number) {
    return lookAtRecords(this.#context, collection, ids, adopt, most);
  }
  writeRecords(collection: RecordCollection, term: number, writes: readonly RecordWrite[]) {
    return records.writeRecords(this.#context, collection, term, writes);
  }
  applyRecords(
    collection: RecordCollection,
    term: number,
    states: readonly { readonly id: string; readonly state: RecordState }[],
  ) {
    return records.applyRecords(this.#context, collection, term, states);
  }
  findByIndex(collection: RecordCollection, index: string, value: string) {
    return reads.findByIndex(this.#context, collection, index, value);
  }
  /** Writes the index entries of records that no write of the library has indexed. Redis only; the first backfill does it. */
  indexRecords(
    collection: RecordCollection,
    entries: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Promise<void> {
    return indexing.indexRecords(this.#context, collection, entries);
  }
  /** From now on an index lookup that finds nothing means that there is nothing. Redis only. */
  setIndexed(collection: RecordCollection): Promise<void> {
    return indexing.setIndexed(this.#context, collection);
  }

  readCounters(
    collection: CounterCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
    return counters.inspectCounters(this.#context, collection, ids);
  }
  inspectCounters(collection: CounterCollection, ids: readonly string[], adopt?: Adopt) {
    return lookAtCounters(this.#context, collection, ids, adopt);
  }
  addToCounters(collection: CounterCollection, term: number, adds: readonly CounterAdd[]) {
    return counters.addToCounters(this.#context, collection, term, adds);
  }
  applyCounters(
    collection: CounterCollection,
    term: number,
    states: readonly { readonly id: string; readonly state: CounterState }[],
  ) {
    return counters.applyCounters(this.#context, collection, term, states);
  }

  readLog(collection: Collection, limit: number): Promise<LogEntry[]> {
    return control.readLog(this.#context, collection, limit);
  }
  clearLog(collection: Collection, entries: readonly LogEntry[]): Promise<void> {
    return control.clearLog(this.#context, collection, entries);
  }
  logStatus(collection: Collection): Promise<LogStatus> {
    return control.logStatus(this.#context, collection);
  }
  /** Takes the mark of a full log away if it is still this one. Redis only. */
  loggedCollections(): Promise<string[]> {
    return control.loggedCollections(this.#context);
  }
  forgetOverflow(collection: Collection, mark: string): Promise<boolean> {
    return control.forgetOverflow(this.#context, collection, mark);
  }

  readFence(collections?: readonly Collection[]): Promise<Fence | null> {
    return control.readFence(this.#context, collections);
  }
  createFence(fence: Fence): Promise<Fence> {
    return control.createFence(this.#context, fence);
  }
  closeFence(term: number, intact: readonly Collection[] = []): Promise<boolean> {
    return control.closeFence(this.#context, term, intact);
  }
  openFence(term: number): Promise<boolean> {
    return control.openFence(this.#context, term);
  }
  raiseFence(term: number): Promise<void> {
    return control.raiseFence(this.#context, term);
  }
  setComplete(collection: Collection | null, complete: boolean): Promise<void> {
    return control.setComplete(this.#context, collection, complete);
  }
  /** What became of the memory that the fence speaks for. Redis only. */
  memoryLost(): Promise<"no" | "some" | "all"> {
    return control.memoryLost(this.#context);
  }
  /** Speaks for this server's memory after a loss: sets the fence to exactly this. Redis only. */
  claimMemory(claim: MemoryClaim): Promise<Fence> {
    return control.claimMemory(this.#context, claim);
  }

  lastFence(): Promise<LastFence | null> {
    return control.lastFence(this.#context);
  }
  setCompleteInTerm(collections: readonly Collection[], term: number, refiller: string): Promise<boolean> {
    return control.setCompleteInTerm(this.#context, collections, term, refiller);
  }
  isEmpty(): Promise<boolean> {
    return control.isEmpty(this.#context);
  }
  claimTask(task: string, owner: string, ttlMs: number): Promise<boolean> {
    return control.claimTask(this.#context, task, owner, ttlMs);
  }
  renewTask(task: string, owner: string, ttlMs: number): Promise<boolean> {
    return control.renewTask(this.#context, task, owner, ttlMs);
  }

  pageRecords(
    collection: RecordCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord }>> {
    return control.pageIds(
      this.#context,
      collection,
      after,
      limit,
      async (ids) => (await this.inspectRecords(collection, ids)).held,
    );
  }
  pageCounters(
    collection: CounterCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldCounter }>> {
    return control.pageIds(
      this.#context,
      collection,
      after,
      limit,
      async (ids) => (await this.inspectCounters(collection, ids)).held,
    );
  }
  /** Keys as they stand, whatever they are: for audits and backfills that must see the odd ones. Redis only. */
  scanKeys(pattern: string, cursor: string, count: number): Promise<{ cursor: string; keys: string[] }> {
    return control.scanKeys(this.#context, pattern, cursor, count);
  }

  putLease(lease: Lease, ttlMs: number): Promise<void> {
    return control.putLease(this.#context, lease, ttlMs);
  }
  dropLease(processId: string): Promise<void> {
    return control.dropLease(this.#context, processId);
  }
  readLeases(): Promise<Lease[]> {
    return control.readLeases(this.#context);
  }

  now(): Promise<number> {
    return control.now(this.#context);
  }
  /** The raw connection, for the migration's own reading. */
  get connection(): RedisConnection {
    return this.#context.connection;
  }
  /** The same server and database, on a connection of its own. Whoever asks closes it. */
  beside(): Promise<RedisStore> {
    return RedisStore.connect({ redis: this.connection.beside() });
  }
  close(): Promise<void> {
    return this.#context.connection.close();
  }
}
