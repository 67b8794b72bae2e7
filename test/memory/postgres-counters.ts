/** What a Postgres does to one counter in one step. */
import type { CounterCollection } from "../../src/stores/collection.js";
import {
  COUNTER_OPERATIONS,
  type CounterState,
  mergeCounters,
  nextStamp,
  rememberOperation,
} from "../../src/stores/state.js";
import type { ApplyResult, CounterAdd, CounterAddResult, HeldCounter } from "../../src/stores/store.js";
import { isComplete, type StoredFence } from "./control.js";
import type { MemoryPostgresServer } from "./postgres-server.js";

export class PostgresCounters {
  readonly #rows: Map<string, CounterState>;

  constructor(
    readonly server: MemoryPostgresServer,
    readonly collection: CounterCollection,
    readonly fence: StoredFence | null,
    readonly logLimit: number,
  ) {
    this.#rows = server.counters(collection);
  }

  get ids(): string[] {
    return [...this.#rows.keys()];
  }

  get complete(): boolean {
    return this.fence !== null && isComplete(this.fence, this.collection.name);
  }

  hold(id: string): HeldCounter {
    const row = this.#rows.get(id);
    if (!row) return { kind: "absent", compared: this.complete };
    if (this.server.isPast(row.expiresAt)) return { kind: "absent", last: row, compared: true };
    return { kind: "value", ...row, bypass: false, compared: true };
  }

  /** The other store may know of a past. */
  isSuspect({ id, compared }: CounterAdd): boolean {
    return !compared && !this.#rows.has(id) && !this.complete;
  }

  add(add: CounterAdd): CounterAddResult {
    const row = this.#rows.get(add.id);
    if (row?.operations.includes(add.operationId)) return { kind: "repeated", state: row };
    const live = row && !this.server.isPast(row.expiresAt) ? row : null;
    if (!Number.isSafeInteger((live ? live.redisPart + live.postgresPart : 0) + add.by)) {
      return { kind: "rejected", reason: "the counter would pass 2^53 - 1" };
    }
    const stamp = nextStamp("postgres", this.server.micros(), Math.max(row?.stamp ?? 0, row?.generation ?? 0));
    // What counts nothing, since a bypass writer deleted it, begins its time with the first increment.
    const counts = live !== null && live.redisPart + live.postgresPart > 0;
    const begins = add.ttlMs !== null && (add.renew || !counts);
    const state: CounterState = {
      generation: live ? live.generation : stamp,
      redisPart: live ? live.redisPart : 0,
      postgresPart: (live ? live.postgresPart : 0) + add.by,
      stamp,
      expiresAt: begins ? this.server.now() + (add.ttlMs ?? 0) : (live?.expiresAt ?? null),
      operations: rememberOperation(row?.operations ?? [], add.operationId, COUNTER_OPERATIONS),
    };
    this.#rows.set(add.id, state);
    this.server.log(this.collection, add.id, stamp, this.logLimit);
    return { kind: "added", state };
  }

  merge(id: string, state: CounterState): ApplyResult {
    const row = this.#rows.get(id);
    const merged = row ? mergeCounters(row, state) : state;
    if (row && sameState(row, merged)) {
      return { kind: "kept", stamp: row.stamp, same: sameParts(row, state) && row.expiresAt === state.expiresAt };
    }
    this.#rows.set(id, merged);
    return { kind: "applied" };
  }
}

function sameState(a: CounterState, b: CounterState): boolean {
  return sameParts(a, b) && a.stamp === b.stamp && a.operations.join() === b.operations.join();
}

function sameParts(a: CounterState, b: CounterState): boolean {
  return a.generation === b.generation && a.redisPart === b.redisPart && a.postgresPart === b.postgresPart;
}
