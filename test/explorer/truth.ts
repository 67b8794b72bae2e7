/** What is true, over all records, counters and terms: fed by each effect, compared with the stores after each. */
import type { MemoryClaim } from "../../src/stores/sides.js";
import type { CounterState, StoreName } from "../../src/stores/state.js";
import type { CounterAdd, CounterAddResult, Fenced, RecordWrite, RecordWriteResult } from "../../src/stores/store.js";
import { isComplete, type StoredFence } from "../memory/control.js";
import { COUNTER_IDS, counters, RECORD_IDS, records } from "./collections.js";
import { CounterTruth } from "./counter-truth.js";
import type { EvidenceTables } from "./evidence.js";
import { checkCounters, checkRecords } from "./invariants.js";
import { checkMembership } from "./membership.js";
import { Operations } from "./operations-log.js";
import { RecordTruth, redisRecord, sameBytes } from "./record-truth.js";
import type { Trait, World } from "./world.js";

export class Truth implements Trait {
  readonly operations: Operations;
  readonly records: ReadonlyMap<string, RecordTruth>;
  readonly counters: ReadonlyMap<string, CounterTruth>;
  /** Whose effects are the truth. */
  authority: StoreName = "redis";
  /** The authority's memory was lost, and nobody has said yet what survives. */
  loss: "some" | "all" | null = null;
  /** Redis was set up without Postgres having been asked: what that holds beyond comes when it is back. */
  alone: { readonly kind: "some" | "all"; readonly since: number } | null = null;
  readonly #termOf = new Map<number, StoreName>();
  #greatestTerm = 0;
  /** The greatest stamp that each row and companion had. */
  readonly stamps = new Map<string, number>();

  constructor(
    readonly world: World,
    readonly tables: EvidenceTables,
    ids: ReadonlySet<string>,
  ) {
    this.operations = new Operations(world);
    this.records = new Map(
      RECORD_IDS.filter((id) => ids.has(id)).map((id) => [id, new RecordTruth(id, world, this.operations)]),
    );
    this.counters = new Map(
      COUNTER_IDS.filter((id) => ids.has(id)).map((id) => [id, new CounterTruth(id, world, this.operations)]),
    );
    world.traits.push(this);
  }

  record(id: string): RecordTruth {
    return this.records.get(id) as RecordTruth;
  }
  counter(id: string): CounterTruth {
    return this.counters.get(id) as CounterTruth;
  }

  /** Whether the mirror refused this for good, and people are told. What is over travels as its own delete, so that is refused. */
  isSetAside(id: string, bytes: Buffer | null, stamp: number, isOver: boolean): boolean {
    const rejected = this.tables.rejects.get(`${records.name} ${records.redisKey(id)}`);
    if (!rejected || rejected.source === "repair") return false;
    return sameBytes(rejected.value, bytes) || (isOver && rejected.value === null && rejected.stamp >= stamp);
  }

  wrote(store: StoreName, term: number, writes: readonly RecordWrite[], result: Fenced<RecordWriteResult>): void {
    if (!this.#admitted(store, term, result)) return;
    if (result.fenced) return;
    this.#together(writes, result.results);
    result.results.forEach((one, i) => {
      const write = writes[i] as RecordWrite;
      if (one.kind === "suspect") this.world.cover("suspect");
      if (one.kind === "conflict") this.world.cover("conflict");
      if (one.kind === "written") this.record(write.id).wrote(store, write, one.state);
      if (one.kind === "repeated") this.record(write.id).repeated(write.operationId);
    });
  }

  counted(store: StoreName, term: number, adds: readonly CounterAdd[], result: Fenced<CounterAddResult>): void {
    if (!this.#admitted(store, term, result)) return;
    if (result.fenced) return;
    this.#together(adds, result.results);
    result.results.forEach((one, i) => {
      const add = adds[i] as CounterAdd;
      if (one.kind === "suspect") this.world.cover("suspect-counter");
      this.counter(add.id).counted(store, add, one);
    });
  }

  /** An operation is done whole or not at all. */
  #together(asked: readonly { readonly operationId: string }[], results: readonly { readonly kind: string }[]): void {
    const parts = new Map<string, string[]>();
    for (const [i, { operationId }] of asked.entries())
      parts.set(operationId, [...(parts.get(operationId) ?? []), results[i]?.kind as string]);
    if (parts.size > 1) this.world.cover("gathered");
    for (const [operation, kinds] of parts) {
      const done = kinds.filter((kind) => kind === "written" || kind === "added" || kind === "repeated");
      if (done.length > 0 && done.length < kinds.length)
        this.world.violate("an operation is done whole or not at all", `${operation} ended as ${kinds.join(" and ")}`);
    }
  }

  /** Counters were brought to Postgres. */
  countersApplied(): void {
    if (this.authority !== "postgres") return;
    for (const truth of this.counters.values()) truth.takenOver(this.world.postgres.counters(counters).get(truth.id));
  }

  /** Counters were brought to a Redis that is the authority. */
  countersPutBack(states: readonly { readonly id: string; readonly state: CounterState }[], fenced: boolean): void {
    if (fenced || this.authority !== "redis") return;
    for (const { id, state } of states) this.counters.get(id)?.refilled(state);
  }

  #admitted(store: StoreName, term: number, result: Fenced<{ readonly kind: string }>): boolean {
    if (result.fenced) {
      this.world.cover("fenced-write");
      return false;
    }
    // Nothing was done, and nothing is before the other store was asked, which knows of a later term.
    if (result.results.every(({ kind }) => kind === "suspect")) return true;
    const owner = this.#termOf.get(term) ?? store;
    this.#termOf.set(term, owner);
    if (owner !== store)
      this.world.violate("one authority per term", `${store} admits a write in term ${term}, which is ${owner}'s`);
    if (term < this.#greatestTerm)
      this.world.violate(
        "terms only rise",
        `${store} admits a write in term ${term} after one in term ${this.#greatestTerm}`,
      );
    if (this.authority !== store)
      this.world.violate(
        "one authority at a time",
        `${store} admits a write in term ${term} while ${this.authority} is the authority`,
      );
    this.#greatestTerm = Math.max(this.#greatestTerm, term);
    return true;
  }

  closed(store: StoreName): void {
    this.world.cover(`closed-${store}`);
  }

  opened(store: StoreName, term: number): void {
    if (this.authority === store) return;
    this.world.cover(`handover-to-${store}`);
    this.authority = store;
    this.#greatestTerm = Math.max(this.#greatestTerm, term);
    if (store === "redis") {
      const { redis, postgres } = this.world;
      const isWhole = (collection: string) => isComplete(redis.control.fence as StoredFence, collection);
      for (const truth of this.records.values())
        truth.returned(postgres.records(records).get(truth.id), isWhole(records.name));
      for (const truth of this.counters.values())
        truth.returned(postgres.counters(counters).get(truth.id), isWhole(counters.name));
      return;
    }
    this.#carriedOver("all");
    this.loss = null;
  }

  /** Rows of what has been dead for long enough went: their keys begin anew. */
  swept(): void {
    const rows = this.world.postgres.records(records);
    for (const id of this.records.keys()) if (!rows.has(id)) this.stamps.delete(`postgres/${id}`);
  }

  /** A backfill that a forced passage overtook has come to its end: what Postgres lacks by now isn't looked up in Redis any more. */
  completed(): void {
    if (this.authority === "postgres") this.#carriedOver("missing");
  }

  /** Postgres reigns, with these of its rows, and without what it lacks. What a forced passage left behind is looked up in Redis. */
  #carriedOver(which: "all" | "missing"): void {
    const rows = this.world.postgres;
    const isAsked = (collection: string, row: unknown) =>
      row ? which === "all" : isComplete(rows.control.fence as StoredFence, collection);
    for (const truth of this.records.values()) {
      const row = rows.records(records).get(truth.id);
      if (!isAsked(records.name, row)) continue;
      const live = row ?? { bytes: null, expiresAt: null, stamp: 0 };
      // What expired is nothing, whether the mirror holds it as expired or as its delete.
      const [before, after] = [truth.live("redis"), rows.isPast(live.expiresAt) ? null : live.bytes];
      if (!sameBytes(before, after) || (after && live.expiresAt !== truth.current.expiresAt)) {
        // What was over by Redis's clock may have some time left by the other's.
        truth.settle(live, "a handover carries every write", this.loss === null && truth.current.by !== "expiry");
      }
    }
    for (const truth of this.counters.values()) {
      const row = rows.counters(counters).get(truth.id);
      if (isAsked(counters.name, row)) truth.handedOver(row, this.loss !== null);
    }
  }

  redisLostMemory(kind: "some" | "all"): void {
    if (this.authority === "redis") this.loss = kind;
    // This loss may have taken what came to a Redis that served alone, too.
    this.alone = null;
  }

  redisClaimed(claim: MemoryClaim): void {
    const fence = this.world.redis.control.fence;
    if (!fence || fence.term !== claim.term || fence.runId !== this.world.redis.runId) return;
    if (!claim.agreed) {
      this.world.cover("claimed-without-postgres");
      // Who sets Redis up alone may never have seen the term that was lost; both stores agree on a greater one afterwards.
      this.#greatestTerm = Math.min(this.#greatestTerm, claim.term);
    }
    if (this.world.sequence > 1 && claim.role === "mirror") this.world.cover("mirror-memory-claimed");
    const kind = this.loss ?? this.alone?.kind;
    if (!kind || fence.role !== "authority") return;
    // Behind Postgres's term this isn't the last word: whoever finds the terms unequal claims again.
    if (claim.agreed && (this.world.postgres.control.fence?.term ?? 0) > claim.term) return;
    this.world.cover("authority-memory-claimed");
    this.loss = null;
    for (const truth of this.records.values()) this.#settleRecord(truth, kind, claim.agreed);
    for (const truth of this.counters.values()) {
      truth.afterLoss(kind, claim.agreed ? this.world.postgres.counters(counters).get(truth.id) : undefined);
    }
    this.alone = claim.agreed ? null : { kind, since: this.world.sequence };
  }

  /** The newest state that either store still has, but for what a bypass writer did to it since. */
  #settleRecord(truth: RecordTruth, kind: "some" | "all", withPostgres: boolean): void {
    const { value, expiresAt, companion } = redisRecord(this.world, truth.id);
    const row = withPostgres ? this.world.postgres.records(records).get(truth.id) : undefined;
    // What a bypass writer did to a Redis that served alone was no part of the loss.
    if (this.alone && truth.current.stamp === 0 && truth.current.from > this.alone.since) return;
    const nothing = { bytes: null, expiresAt: null, stamp: 0 };
    let winner: { bytes: Buffer | null; expiresAt: number | null; stamp: number };
    let vanished = false;
    if (!companion) {
      const stands = value ? { bytes: value, expiresAt, stamp: 0 } : null;
      winner = stands && (kind === "all" || !row?.stamp) ? stands : (row ?? nothing);
    } else {
      const changed = value !== null && (!sameBytes(value, companion.bytes) || expiresAt !== companion.expiresAt);
      if (row && row.stamp > companion.stamp) winner = row;
      else if (changed) winner = { bytes: value, expiresAt, stamp: 0 };
      else winner = { bytes: companion.bytes, expiresAt: companion.expiresAt, stamp: companion.stamp };
      vanished =
        winner !== row && value === null && companion.bytes !== null && !this.world.redis.isPast(companion.expiresAt);
    }
    truth.settle(winner, "after a memory loss the newest survives", false);
    if (!companion && value && kind === "all") truth.standsOn(row ?? nothing);
    // Key and companion come back together: a bypass writer had deleted it, or it had expired as he said.
    if (vanished) truth.bypassed(null, null, "vanished");
  }

  afterEffect(): void {
    if (this.world.violation) return;
    for (const truth of this.records.values()) {
      checkRecords(this, truth);
      checkMembership(this, truth);
    }
    for (const truth of this.counters.values()) checkCounters(this, truth);
  }
}
