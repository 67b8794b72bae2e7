/** What is true of one counter, step by step. */
import type { CounterState, StoreName } from "../../src/stores/state.js";
import type { CounterAdd, CounterAddResult } from "../../src/stores/store.js";
import { counters } from "./collections.js";
import { type InRedis, type Survivor, sumOf, survivorOf } from "./counter-loss.js";
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
  /** What Redis alone has since a memory loss, until it is told what Postgres has. */
  #beside: Survivor["beside"] = null;
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
      if (!this.#counted.has(add.operationId))
        this.world.violate(
          "repeated means applied",
          `${add.operationId} on ${this.id} was called a repetition, but isn't counted`,
        );
    }
    if (result.kind !== "added") return;
    if (this.#counted.has(add.operationId))
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

  /** After a memory loss of the authority: what Postgres has and what stands, brought together. */
  afterLoss(kind: "some" | "all", row: CounterState | undefined): void {
    const redis = redisCounter(this.world, this.id);
    const { sum, expiresAt, operations, beside } = survivorOf(kind, redis, row, (at) => this.world.redis.isPast(at));
    for (const op of this.#counted) if (!operations.has(op)) this.operations.lose(op);
    this.#counted = new Set(operations);
    this.#beside = beside;
    if (sum !== this.current.sum) this.world.cover("loss-took-counts");
    // What stands without a companion came after the loss, and nobody adopted it yet.
    if (redis.sum !== null && !redis.known) this.#push(row ? sumOf(row) : 0, row?.expiresAt ?? null, "loss", true);
    this.#push(sum, expiresAt, "loss", redis.sum === null || redis.known !== null);
  }

  /** What Postgres holds was brought to the Redis that lost its memory: what was over by then counts nothing any more. */
  refilled(state: CounterState): void {
    if (this.#beside && this.world.redis.isPast(state.expiresAt))
      this.#push(this.#beside.sum, this.#beside.expiresAt, "loss", false);
    this.#beside = null;
  }

  /** Postgres begins to reign: what it has must be what was true at the last adoption, or since. */
  handedOver(row: CounterState | undefined, loss: boolean): void {
    const { current, world } = this;
    const isOver = (at: number | null) => world.redis.isPast(at) || world.postgres.isPast(at);
    const [sum, expiresAt] = row && !world.postgres.isPast(row.expiresAt) ? [sumOf(row), row.expiresAt] : [0, null];
    // When nothing ends is no part of the truth.
    const isIt = (event: TrueCount) => event.sum === sum && (sum === 0 || event.expiresAt === expiresAt);
    if (isIt(current)) return;
    // What ended by one server's clock may have been left out, or told as it was.
    const mayBeIt = (event: TrueCount) => isIt(event) || (sum === 0 && isOver(event.expiresAt));
    if (mayBeIt(current)) {
      this.#push(0, null, "expiry", true);
      return;
    }
    const allowed = this.events.slice(loss ? 0 : this.#sinceFirm);
    if (!allowed.some(mayBeIt))
      world.violate(
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
   * still stands there and is a bypass writer's truth. `whole`: Redis was told of all that Postgres has; one that lost its memory
   * since will be told what it doesn't know of.
   */
  returned(row: CounterState | undefined, whole: boolean): void {
    const { sum: stands, expiresAt, known } = redisCounter(this.world, this.id);
    const sum = stands ?? 0;
    const willBeTold = !whole && row && row.stamp > (known?.stamp ?? 0);
    if (this.dropped && !willBeTold && sum !== this.sumAt("redis")) {
      if (whole && row && row.stamp > 0)
        this.world.violate(
          "what a handover drops is overwritten",
          `${this.id} stands at ${sum} in Redis, which reigns again; Postgres had ${this.current.sum}`,
        );
      this.bypassed(sum, expiresAt, "dropped before");
    }
    this.dropped = false;
  }

  /** While Postgres reigns, a repair takes over what stands in Redis for a counter that the library never counted. */
  takenOver(row: CounterState | undefined): void {
    if (!row || !this.dropped || row.stamp > 0 || sumOf(row) === this.current.sum) return;
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

/** What a Redis holds of a counter: the key's number, and the parts as the companion tells them. */
export function redisCounter(world: World, id: string): InRedis {
  const key = counters.redisKey(id);
  const entry = world.redis.get(key);
  const companion = world.redis.counterCompanion(key);
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
