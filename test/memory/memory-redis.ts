/** One process's view of an in-memory Redis: the port, and what only Redis has. */
import type { Collection, CounterCollection, RecordCollection } from "../../src/stores/collection.js";
import type { RedisSide } from "../../src/stores/sides.js";
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
import { type Adopt, liveValues, type Seen, type States } from "./memory-store.js";
import { MemoryRedisClient } from "./redis-client.js";
import { MemoryRedisControl } from "./redis-control.js";
import { RedisCounters } from "./redis-counters.js";
import { applyRecord } from "./redis-put-back.js";
import { indexKey, RedisRecords } from "./redis-records.js";
import { applyCounter } from "./redis-refill.js";

export class MemoryRedis extends MemoryRedisControl implements RedisSide {
  readonly sameIdTwice = true;
  readonly #client = new MemoryRedisClient(this.server, (name, effect) => this.perform(name, effect));

  /** What the migration sends commands of its own through. */
  get connection() {
    return { runId: this.server.runId, client: this.#client };
  }

  /** Writes the index entries of records that no write of the library has indexed. */
  indexRecords(
    collection: RecordCollection,
    entries: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Promise<void> {
    return this.perform("indexRecords", () => {
      const records = this.#records(collection);
      for (const { id, bytes } of entries) records.index(id, bytes, true);
    });
  }

  /** From now on an index lookup that finds nothing means that there is nothing. */
  forgetOverflow({ name }: Collection, mark: string): Promise<boolean> {
    return this.perform("forgetOverflow", () => {
      const { overflowed } = this.server.control;
      if (overflowed.has(name) && overflowed.get(name) !== mark) return false;
      overflowed.delete(name);
      return true;
    });
  }

  setIndexed(collection: RecordCollection): Promise<void> {
    return this.perform("setIndexed", () => void this.server.memory.indexed.add(collection.name));
  }

  readValues(collection: RecordCollection, ids: readonly string[]) {
    return this.perform("readValues", () => liveValues(this.#holdRecords(collection, ids, false)));
  }
  readRecords(collection: RecordCollection, ids: readonly string[]): Seen<HeldRecord> {
    return this.perform("readRecords", () => this.#holdRecords(collection, ids, false));
  }

  inspectRecords(collection: RecordCollection, ids: readonly string[], adopt?: Adopt): Seen<HeldRecord> {
    return this.perform("inspectRecords", () => {
      const records = this.#records(collection);
      if (adopt && this.#decides(adopt.term)) {
        for (const id of ids) if (records.isAdoptable(id, adopt.mode)) records.adopt(id);
      }
      return this.#holdRecords(collection, ids, true);
    });
  }

  writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>> {
    return this.perform("writeRecords", () =>
      this.asAuthority(collection, term, () => this.#records(collection).writeAll(writes)),
    );
  }

  applyRecords(collection: RecordCollection, term: number, states: States<RecordState>): Promise<Fenced<ApplyResult>> {
    return this.perform("applyRecords", () =>
      this.asMirror(collection, term, () =>
        states.map(({ id, state }) => applyRecord(this.#records(collection), id, state)),
      ),
    );
  }

  findByIndex(
    collection: RecordCollection,
    index: string,
    value: string,
  ): Promise<{ fence: Fence | null; ids: string[]; complete: boolean }> {
    return this.perform("findByIndex", () => {
      const records = this.#records(collection);
      const entries = [...(this.server.memory.index.get(indexKey(collection, index, value)) ?? [])];
      const ids = entries.sort(([, a], [, b]) => b - a).map(([id]) => id);
      const holds = (id: string) => {
        const bytes = records.look(id).value;
        return bytes !== null && collection.indexes[index]?.valueOf(id, bytes) === value;
      };
      const complete = records.complete && this.server.memory.indexed.has(collection.name);
      return { fence: this.fenceFor(collection), ids: ids.filter(holds), complete };
    });
  }

  readCounters(collection: CounterCollection, ids: readonly string[]): Seen<HeldCounter> {
    return this.perform("readCounters", () => this.#holdCounters(collection, ids));
  }

  inspectCounters(collection: CounterCollection, ids: readonly string[], adopt?: Adopt): Seen<HeldCounter> {
    return this.perform("inspectCounters", () => {
      const counters = this.#counters(collection);
      if (adopt && this.#decides(adopt.term)) {
        for (const id of ids) if (counters.isAdoptable(id, adopt.mode)) counters.adopt(id);
      }
      return this.#holdCounters(collection, ids);
    });
  }

  /** One counter that has to be fetched first stops them all, so that they happen together. */
  addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>> {
    return this.perform("addToCounters", () =>
      this.asAuthority(collection, term, () => {
        const counters = this.#counters(collection);
        const suspects = new Set(adds.filter((add) => counters.isSuspect(add)).map((add) => add.operationId));
        return adds.map((add) =>
          suspects.has(add.operationId) && !counters.look(add.id).unreadable ? { kind: "suspect" } : counters.add(add),
        );
      }),
    );
  }

  applyCounters(
    collection: CounterCollection,
    term: number,
    states: States<CounterState>,
  ): Promise<Fenced<ApplyResult>> {
    return this.perform("applyCounters", () =>
      this.asMirror(collection, term, () =>
        states.map(({ id, state }) => applyCounter(this.#counters(collection), id, state)),
      ),
    );
  }

  pageRecords(
    collection: RecordCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord }>> {
    return this.perform("pageRecords", () =>
      this.page(this.#ids(collection), after, limit, (id) => this.#records(collection).hold(id, true)),
    );
  }

  pageCounters(
    collection: CounterCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldCounter }>> {
    return this.perform("pageCounters", () =>
      this.page(this.#ids(collection), after, limit, (id) => this.#counters(collection).hold(id)),
    );
  }

  #records(collection: RecordCollection): RedisRecords {
    return new RedisRecords(this.server, collection, this.standing(), this.logLimit);
  }

  #counters(collection: CounterCollection): RedisCounters {
    return new RedisCounters(this.server, collection, this.standing(), this.logLimit);
  }

  #decides(term: number): boolean {
    const fence = this.standing();
    return fence?.term === term && fence.role === "authority";
  }

  #holdRecords(collection: RecordCollection, ids: readonly string[], exact: boolean) {
    const records = this.#records(collection);
    return { fence: this.fenceFor(collection), held: ids.map((id) => records.hold(id, exact)) };
  }

  #holdCounters(collection: CounterCollection, ids: readonly string[]) {
    const counters = this.#counters(collection);
    return { fence: this.fenceFor(collection), held: ids.map((id) => counters.hold(id)) };
  }

  /** As SCAN: of every key that stands now. */
  #ids(collection: RecordCollection | CounterCollection): string[] {
    return [...this.server.memory.keys.keys()]
      .filter((key) => this.server.get(key) !== undefined)
      .map((key) => collection.parseKey(key))
      .filter((id) => id !== null);
  }
}
