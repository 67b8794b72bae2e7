/** One process's view of an in-memory Postgres: the port, and what only Postgres has. */
import type { Collection, CounterCollection, RecordCollection } from "../../src/stores/collection.js";
import type { PostgresSide } from "../../src/stores/sides.js";
import type { CounterState, RecordState } from "../../src/stores/state.js";
import type {
  ApplyResult,
  CounterAdd,
  CounterAddResult,
  Fence,
  Fenced,
  HeldCounter,
  HeldRecord,
  Page,
  RecordWrite,
  RecordWriteResult,
} from "../../src/stores/store.js";
import type { StoredFence } from "./control.js";
import { liveValues, MemoryStore, type Seen, type States } from "./memory-store.js";
import { PostgresCounters } from "./postgres-counters.js";
import { PostgresRecords } from "./postgres-records.js";
import type { MemoryPostgresServer } from "./postgres-server.js";
import { sweep } from "./postgres-sweep.js";

export class MemoryPostgres extends MemoryStore<MemoryPostgresServer> implements PostgresSide {
  readonly name = "postgres";

  /** Removes what has been dead for the whole retention. */
  sweep(collection: Collection, limit: number): Promise<{ begun: number; removed: number }> {
    return this.perform("sweep", () => sweep(this.server, collection, limit));
  }

  /** Raises the term by one, the role stays; the new term, or null if it isn't `from` any more. */
  raiseTerm(from: number): Promise<number | null> {
    return this.perform("raiseTerm", () => {
      const { fence } = this.server.control;
      if (fence?.term !== from) return null;
      this.server.control.fence = { ...fence, term: from + 1 };
      return from + 1;
    });
  }

  /** While given up, writes keep no repair-log entries. */
  setRedisGivenUp(redisGivenUp: boolean): Promise<void> {
    return this.perform("setRedisGivenUp", () => {
      const { fence } = this.server.control;
      if (fence) this.server.control.fence = { ...fence, redisGivenUp };
    });
  }

  protected override newFence(fence: StoredFence): StoredFence {
    return { ...fence, redisGivenUp: fence.redisGivenUp ?? false };
  }

  /** Rows are taken away by the migration, not by the store. */
  protected override confirmed(): void {}

  readValues(collection: RecordCollection, ids: readonly string[]) {
    return this.perform("readValues", () => liveValues(this.#holdRecords(collection, ids)));
  }
  readRecords(collection: RecordCollection, ids: readonly string[]): Seen<HeldRecord> {
    return this.perform("readRecords", () => this.#holdRecords(collection, ids));
  }

  inspectRecords(collection: RecordCollection, ids: readonly string[]): Seen<HeldRecord> {
    return this.perform("inspectRecords", () => this.#holdRecords(collection, ids));
  }

  writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>> {
    return this.perform("writeRecords", () => {
      onlyOnce(writes);
      return this.asAuthority(collection, term, () => this.#records(collection).writeAll(writes));
    });
  }

  applyRecords(collection: RecordCollection, term: number, states: States<RecordState>): Promise<Fenced<ApplyResult>> {
    return this.perform("applyRecords", () => {
      onlyOnce(states);
      const records = () => this.#records(collection);
      return this.asMirror(collection, term, () => states.map(({ id, state }) => records().apply(id, state)));
    });
  }

  findByIndex(
    collection: RecordCollection,
    index: string,
    value: string,
  ): Promise<{ fence: Fence | null; ids: string[]; complete: boolean }> {
    return this.perform("findByIndex", () => {
      const fence = this.fenceFor(collection);
      return { fence, ids: this.#records(collection).find(index, value), complete: fence?.complete ?? false };
    });
  }

  readCounters(collection: CounterCollection, ids: readonly string[]): Seen<HeldCounter> {
    return this.perform("readCounters", () => this.#holdCounters(collection, ids));
  }

  inspectCounters(collection: CounterCollection, ids: readonly string[]): Seen<HeldCounter> {
    return this.perform("inspectCounters", () => this.#holdCounters(collection, ids));
  }

  /** One counter that has to be fetched first stops them all, so that they happen together. */
  addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>> {
    return this.perform("addToCounters", () => {
      onlyOnce(adds);
      return this.asAuthority(collection, term, () => {
        const counters = this.#counters(collection);
        const suspects = new Set(adds.filter((add) => counters.isSuspect(add)).map((add) => add.operationId));
        return adds.map((add) => (suspects.has(add.operationId) ? { kind: "suspect" } : counters.add(add)));
      });
    });
  }

  applyCounters(
    collection: CounterCollection,
    term: number,
    states: States<CounterState>,
  ): Promise<Fenced<ApplyResult>> {
    return this.perform("applyCounters", () => {
      onlyOnce(states);
      const counters = () => this.#counters(collection);
      return this.asMirror(collection, term, () => states.map(({ id, state }) => counters().merge(id, state)));
    });
  }

  pageRecords(
    collection: RecordCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord }>> {
    return this.perform("pageRecords", () => {
      const records = this.#records(collection);
      return this.page(records.ids, after, limit, (id) => records.hold(id));
    });
  }

  pageCounters(
    collection: CounterCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldCounter }>> {
    return this.perform("pageCounters", () => {
      const counters = this.#counters(collection);
      return this.page(counters.ids, after, limit, (id) => counters.hold(id));
    });
  }

  takeOverflow(collection: Collection, token: string): Promise<void> {
    return this.perform("takeOverflow", () => {
      const { control } = this.server;
      if (!control.hasOverflowed(collection.name)) return;
      control.overflowed.delete(collection.name);
      control.owed.set(collection.name, token);
    });
  }

  settleOverflow(collection: Collection, token: string): Promise<void> {
    return this.perform("settleOverflow", () => {
      const { owed } = this.server.control;
      if (owed.get(collection.name) === token) owed.delete(collection.name);
    });
  }

  #records(collection: RecordCollection): PostgresRecords {
    return new PostgresRecords(this.server, collection, this.standing(), this.logLimit);
  }

  #counters(collection: CounterCollection): PostgresCounters {
    return new PostgresCounters(this.server, collection, this.standing(), this.logLimit);
  }

  #holdRecords(collection: RecordCollection, ids: readonly string[]) {
    const records = this.#records(collection);
    return { fence: this.fenceFor(collection), held: ids.map((id) => records.hold(id)) };
  }

  #holdCounters(collection: CounterCollection, ids: readonly string[]) {
    const counters = this.#counters(collection);
    return { fence: this.fenceFor(collection), held: ids.map((id) => counters.hold(id)) };
  }
}

/** As a statement of Postgres, which may change a row once. */
function onlyOnce(items: readonly { readonly id: string }[]): void {
  if (new Set(items.map(({ id }) => id)).size < items.length)
    throw new Error("ON CONFLICT DO UPDATE command cannot affect row a second time");
}
