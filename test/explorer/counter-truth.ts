/** What is true of one counter, step by step. */
import { type CounterState, mergeCounters, type StoreName } from "../../src/stores/state.js";
import type { CounterAdd, CounterAddResult } from "../../src/stores/store.js";
import { counters } from "./collections.js";
import type { Operations } from "./operations-log.js";
import type { World } from "./world.js";

export interface TrueCount {
  readonly from: number;
  readonly sum: number;
  readonly expiresAt: number | null;
  readonly by: string;
  firm: boolean;
}

export class CounterTruth {
  readonly events: TrueCount[] = [];
  /** Index of the first event that the present count goes back to. */
  #sinceFirm = 0;
  /** Operations that are part of what the counter remembers. */
  #counted = new Set<string>();
  /** Of these nobody can say whether they are remembered. */
  #perhapsForgotten: ReadonlySet<string> = new Set();
  /** A handover left a bypass writer's counts behind in Redis, its mirror. */
  dropped = false;

  constructor(
    readonly id: string,
    readonly world: World,
    readonly operations: Operations,
  ) {
    this.#push(0, null, "nothing", true);
  }

  get current(): TrueCount {
    return this.events.at(-1) as TrueCount;
  }

  /** What a store that holds the truth counts, by its own clock. */
  sumAt(store: StoreName): number {
    return this.world[store].isPast(this.current.expiresAt) ? 0 : this.current.sum;
  }

  counted(store: StoreName, add: CounterAdd, result: CounterAddResult): void {
    if (result.kind === "repeated") {
      this.world.cover("repeated-operation");
      if (!this.#counted.has(add.operationId) && !this.#perhapsForgotten.has(add.operationId))
        this.world.violate(
          "repeated means applied",
          `${add.operationId} on ${this.id} was called a repetition, but isn't counted`,
        );
    }
    if (result.kind !== "added") return;
    if (this.#counted.has(add.operationId) && !this.#perhapsForgotten.has(add.operationId))
      this.world.violate("applied twice", `${add.operationId} on ${this.id} is counted again by ${store}`);
    this.#counted.add(add.operationId);
    this.operations.effective(add.operationId);
    const live = this.sumAt(store);
    const sum = live + add.by;
    if (live < this.current.sum) this.world.cover("counter-begun-anew");
    const keeps = live > 0 && !(add.renew && add.ttlMs !== null);
    const renewed = add.ttlMs === null ? null : this.world[store].now() + add.ttlMs;
    const expiresAt = keeps ? this.current.expiresAt : renewed;
    const stands = sumOf(result.state);
    if (stands !== sum)
      this.world.violate(
        "counts are exact",
        `${add.operationId} brought ${this.id} to ${stands} in ${store}; it should be ${sum}`,
      );
    if (result.state.expiresAt !== expiresAt)
      this.world.violate(
        "a counter lives as long as it should",
        `${add.operationId} lets ${this.id} live until ${result.state.expiresAt} in ${store}; it should be ${expiresAt}`,
      );
    this.#push(sum, expiresAt, add.operationId, true);
  }

  bypassed(sum: number, expiresAt: number | null, by: string): void {
    this.#push(sum, expiresAt, by, false);
  }

  /** Redis lost its memory: what a counter that expires remembered isn't brought back once it expired. */
  redisLostMemory(): void {
    if (this.current.expiresAt !== null)
      this.#perhapsForgotten = new Set([...this.#perhapsForgotten, ...this.#counted]);
  }

  /** After a memory loss of the authority: what Postgres has and what stands, brought together. */
  afterLoss(kind: "some" | "all", row: CounterState | undefined): void {
    const redis = redisCounter(this.world, this.id);
    const sum = lossSum(kind, redis, row);
    const survivor = row && redis.known ? mergeCounters(redis.known, row) : (row ?? redis.known);
    // What was counted since the last sum known is added whichever generation wins, so the ids of both stay.
    const remembered = new Set([
      ...(redis.sum === null ? [] : (redis.known?.operations ?? [])),
      ...(survivor?.operations ?? []),
    ]);
    for (const op of this.#counted) if (!remembered.has(op)) this.operations.lose(op);
    this.#counted = remembered;
    if (sum !== this.current.sum) this.world.cover("loss-took-counts");
    const expiresAt = redis.sum === null ? (survivor?.expiresAt ?? null) : redis.expiresAt;
    // What stands without a companion came after the loss, and nobody adopted it yet.
    if (redis.sum !== null && !redis.known) this.#push(row ? sumOf(row) : 0, row?.expiresAt ?? null, "loss", true);
    this.#push(sum, expiresAt, "loss", redis.sum === null || redis.known !== null);
  }

  /** Postgres begins to reign: what it has must be what was true at the last adoption, or since. */
  handedOver(row: CounterState | undefined, loss: boolean): void {
    const [sum, expiresAt] = row ? [sumOf(row), row.expiresAt] : [0, null];
    const { current, world } = this;
    if (sum === current.sum && expiresAt === current.expiresAt) return;
    const isOver = world.redis.isPast(current.expiresAt) || world.postgres.isPast(current.expiresAt);
    // What ended by one server's clock may have been left out, or told as it was.
    if (isOver && (!row || world.postgres.isPast(expiresAt))) {
      this.#push(0, null, "expiry", true);
      return;
    }
    const allowed = this.events.slice(loss ? 0 : this.#sinceFirm);
    if (!allowed.some((event) => event.sum === sum && event.expiresAt === expiresAt))
      this.world.violate(
        "a handover carries every count",
        `${this.id} stands at ${sum} until ${expiresAt} in Postgres; it should be one of ${allowed.map((event) => `${event.sum} until ${event.expiresAt}`)}`,
      );
    this.world.cover(loss ? "loss-took-counts" : "handover-dropped-bypass");
    this.dropped = true;
    if (loss) this.#counted = new Set([...this.#counted].filter((op) => row?.operations.includes(op)));
    this.#push(sum, expiresAt, "handover", true);
  }

  /**
   * Redis reigns again. What a handover had dropped was overwritten before, by Postgres's stamped state; where Postgres has none, it
   * still stands there and is a bypass writer's truth.
   */
  returned(row: CounterState | undefined): void {
    const { sum: stands, expiresAt } = redisCounter(this.world, this.id);
    const sum = stands ?? 0;
    if (this.dropped && sum !== this.sumAt("redis")) {
      if (row && row.stamp > 0)
        this.world.violate(
          "what a handover drops is overwritten",
          `${this.id} stands at ${sum} in Redis, which reigns again; Postgres had ${this.current.sum}`,
        );
      this.bypassed(sum, expiresAt, "dropped before");
    }
    this.dropped = false;
  }

  /**
   * While Postgres reigns, a repair takes over what stands in Redis for a counter that the library never counted; and an incomplete
   * Postgres, before it counts, what a handover had dropped.
   */
  takenOver(row: CounterState | undefined, incomplete: boolean): void {
    if (!row || !this.dropped || sumOf(row) === this.current.sum) return;
    if (row.stamp > 0 && !(incomplete && this.events.some(({ sum }) => sum === sumOf(row)))) return;
    this.world.cover("dropped-taken-over");
    this.#push(sumOf(row), row.expiresAt, "repair", true);
  }

  markFirm(): void {
    if (this.current.firm) return;
    this.current.firm = true;
    this.#sinceFirm = this.events.length - 1;
    this.world.cover("counter-adoption");
  }

  during(start: number, end: number): TrueCount[] {
    return this.events.filter(
      (event, i) => event.from <= end && (this.events[i + 1]?.from ?? Number.POSITIVE_INFINITY) > start,
    );
  }

  #push(sum: number, expiresAt: number | null, by: string, firm: boolean): void {
    this.events.push({ from: this.world.sequence, sum, expiresAt, by, firm });
    if (firm) this.#sinceFirm = this.events.length - 1;
  }
}

export function sumOf(state: CounterState): number {
  return state.redisPart + state.postgresPart;
}

/** What a Redis holds of a counter: the key's number, and the parts as the companion tells them. */
export function redisCounter(world: World, id: string) {
  const key = counters.redisKey(id);
  const entry = world.redis.get(key);
  const companion = world.redis.memory.counters.get(key);
  const known: CounterState | undefined = companion && {
    generation: companion.generation,
    redisPart: companion.lastSum - companion.postgresPart,
    postgresPart: companion.postgresPart,
    stamp: companion.stamp,
    expiresAt: companion.expiresAt,
    operations: companion.operations,
  };
  const sum = entry ? Number(String(entry.value)) : null;
  return { sum, expiresAt: entry?.expiresAt ?? null, known: known ?? null };
}

function lossSum(
  kind: "some" | "all",
  { sum, known }: { sum: number | null; known: CounterState | null },
  row: CounterState | undefined,
): number {
  const theirs = row ? sumOf(row) : 0;
  if (sum === null && known && sumOf(known) > 0) {
    // A bypass writer deleted it before the snapshot, unless the other store knows of something newer.
    const newer = row && (row.generation > known.generation || row.stamp > known.stamp);
    return newer ? sumOf(mergeCounters(known, row)) : 0;
  }
  if (sum === null) return theirs;
  if (!known) {
    if (kind === "all") return theirs + sum;
    return row && row.generation > 0 ? theirs : Math.max(theirs, sum);
  }
  if (sum < sumOf(known)) return sum;
  return (row ? sumOf(mergeCounters(known, row)) : sumOf(known)) + sum - sumOf(known);
}
