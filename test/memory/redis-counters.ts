/** What a Redis does to one counter in one step: look, add, adopt. `redis-refill.ts` has what it does to a state that is brought. */
import type { CounterCollection } from "../../src/stores/collection.js";
import {
  COUNTER_OPERATIONS,
  type CounterState,
  nextStamp,
  rememberOperation,
  type Stamp,
} from "../../src/stores/state.js";
import type { CounterAdd, CounterAddResult, HeldCounter } from "../../src/stores/store.js";
import { isComplete, type StoredFence } from "./control.js";
import { joined, OTHER_TYPE } from "./redis-records.js";
import type { CounterCompanion, MemoryRedisServer, RedisEntry } from "./redis-server.js";

const NOT_WHOLE = "the counter is not a whole number between 0 and 2^53 - 1";
const TOO_GREAT = "the counter would pass 2^53 - 1";

/** What stands under a counter's key and its companion. */
export interface CounterSituation {
  readonly key: string;
  readonly entry: RedisEntry | undefined;
  /** What the key holds; null where it holds nothing. */
  readonly sum: number | null;
  readonly unreadable: string | null;
  readonly companion: CounterCompanion | undefined;
  /** The parts as the companion tells them, without what a bypass writer did since. */
  readonly known: CounterState | null;
  /** The sum is below the last one seen: a bypass writer's DEL or SET, or an expiry. */
  readonly fell: boolean;
}

export class RedisCounters {
  constructor(
    readonly server: MemoryRedisServer,
    readonly collection: CounterCollection,
    readonly fence: StoredFence | null,
    readonly logLimit: number,
  ) {}

  /** Postgres was away when Redis was set up: what is counted stands beside the last sum known, until the two are brought together. */
  get isAlone(): boolean {
    return this.fence?.agreed === false;
  }

  get complete(): boolean {
    return this.fence !== null && isComplete(this.fence, this.collection.name);
  }

  look(id: string): CounterSituation {
    const key = this.collection.redisKey(id);
    const entry = this.server.get(key);
    const companion = this.server.counterCompanion(key);
    const text = entry === undefined ? null : Buffer.isBuffer(entry.value) ? entry.value.toString("latin1") : undefined;
    const sum = text === null || text === undefined ? null : Number(text);
    const whole = text === null || (text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(sum));
    return {
      key,
      entry,
      sum,
      unreadable: text === undefined ? OTHER_TYPE : whole ? null : NOT_WHOLE,
      companion,
      known: companion ? toldBy(companion) : null,
      fell: sum !== null && companion !== undefined && sum < companion.lastSum,
    };
  }

  isCompared(s: CounterSituation): boolean {
    return this.complete || (s.companion !== undefined && s.companion.term === this.fence?.term);
  }

  /** The parts as they stand: growth since the last sum was counted with Redis as the authority. Null where nothing stands. */
  standing({ sum, entry, known, fell }: CounterSituation): CounterState | null {
    if (sum === null) return null;
    const expiresAt = entry?.expiresAt ?? null;
    if (!known) return { generation: 0, redisPart: sum, postgresPart: 0, stamp: 0, expiresAt, operations: [] };
    if (fell) return { ...known, redisPart: sum, postgresPart: 0, expiresAt };
    return { ...known, redisPart: sum - known.postgresPart, expiresAt };
  }

  isChanged(s: CounterSituation): boolean {
    if (!s.companion || s.sum === null) return false;
    return s.sum !== s.companion.lastSum || s.companion.expiresAt !== s.entry?.expiresAt;
  }

  hold(id: string): HeldCounter {
    const s = this.look(id);
    if (s.unreadable) return { kind: "unreadable", reason: s.unreadable };
    const compared = this.isCompared(s) && !this.isAlone;
    const standing = this.standing(s);
    if (standing) return { kind: "value", ...standing, bypass: !s.companion || this.isChanged(s), compared };
    return s.known ? { kind: "absent", last: s.known, compared } : { kind: "absent", compared };
  }

  /** Not even tried when the other store may know of a past, or of this very operation. */
  isSuspect(add: CounterAdd): boolean {
    const s = this.look(add.id);
    if (s.unreadable || add.compared || this.isCompared(s)) return false;
    return this.isChanged(s) || !s.companion?.operations.includes(add.operationId);
  }

  add(add: CounterAdd): CounterAddResult {
    const s = this.look(add.id);
    if (s.unreadable) return { kind: "rejected", reason: s.unreadable };
    const held = s.companion?.operations ?? [];
    const standing = this.standing(s);
    if (s.known && held.includes(add.operationId)) {
      if (this.isChanged(s) && !this.isAlone) {
        this.adopt(add.id);
        const adopted = this.look(add.id);
        return { kind: "repeated", state: this.standing(adopted) ?? (adopted.known as CounterState) };
      }
      return this.#counted("repeated", standing ?? s.known);
    }
    const sum = (s.sum ?? 0) + add.by;
    if (!Number.isSafeInteger(sum)) return { kind: "rejected", reason: TOO_GREAT };
    const stamp = this.#nextStamp(s);
    const goesOn = standing && s.companion && !s.fell;
    const beside = this.isAlone && (!s.companion || goesOn);
    const seen = s.companion?.lastSum ?? (this.fence?.bareTrusted ? 0 : (s.sum ?? 0));
    // What counts nothing, since a bypass writer deleted it, begins its time with the first increment.
    const begins = add.ttlMs !== null && (add.renew || (s.sum ?? 0) === 0);
    const state: CounterState = {
      generation: goesOn ? standing.generation : beside ? 0 : stamp,
      redisPart: goesOn ? standing.redisPart + add.by : sum,
      postgresPart: goesOn ? standing.postgresPart : 0,
      stamp,
      expiresAt: begins ? this.server.now() + (add.ttlMs ?? 0) : (standing?.expiresAt ?? null),
      operations: rememberOperation(held, add.operationId, COUNTER_OPERATIONS),
    };
    this.put(s.key, state, beside ? seen : sum);
    this.log(add.id, stamp);
    return this.#counted("added", state);
  }

  #counted(kind: "added" | "repeated", state: CounterState): CounterAddResult {
    return this.isAlone ? { kind, state, alone: true } : { kind, state };
  }

  /** Takes growth and a new expiry into the present generation; where the sum fell, or nothing was known, begins one. */
  adopt(id: string, told?: CounterState): Stamp {
    const s = this.look(id);
    const stamp = this.#nextStamp(s, told);
    const standing = this.standing(s);
    const goesOn = standing && s.known && !s.fell && s.known.generation >= (told?.generation ?? 0);
    this.tell(s.key, {
      generation: goesOn ? standing.generation : stamp,
      redisPart: goesOn ? standing.redisPart : (s.sum ?? 0),
      postgresPart: goesOn ? standing.postgresPart : 0,
      stamp,
      expiresAt: standing?.expiresAt ?? null,
      operations: joined(told?.operations ?? [], s.companion?.operations ?? [], COUNTER_OPERATIONS),
    });
    this.log(id, stamp);
    return stamp;
  }

  isAdoptable(id: string, mode: "changed" | "bare"): boolean {
    const s = this.look(id);
    if (s.unreadable || !this.isCompared(s) || this.isAlone) return false;
    if (s.sum !== null) return s.companion ? this.isChanged(s) : mode === "bare";
    if (!s.companion) return this.complete && mode === "bare";
    return this.complete && s.companion.lastSum > 0 && !this.server.isPast(s.companion.expiresAt);
  }

  /** Key and companion become those of a state. */
  put(key: string, state: CounterState, lastSum = sumOf(state)): void {
    this.server.set(key, Buffer.from(String(sumOf(state))), state.expiresAt);
    this.tell(key, state, lastSum);
  }

  tell(key: string, state: CounterState, lastSum = sumOf(state)): void {
    const { generation, postgresPart, stamp, operations, expiresAt } = state;
    const term = this.fence?.term ?? 0;
    this.server.memory.counters.set(key, {
      generation,
      postgresPart,
      lastSum,
      stamp,
      operations,
      expiresAt,
      term,
    });
  }

  log(id: string, stamp: Stamp): void {
    this.server.control.log(this.collection.name, id, stamp, this.logLimit);
  }

  /** Above every stamp and generation that is known, so that it can begin a generation too. */
  #nextStamp({ known }: CounterSituation, told?: CounterState): Stamp {
    const held = [known, told].flatMap((state) => (state ? [state.stamp, state.generation] : []));
    return nextStamp("redis", this.server.micros(), Math.max(0, ...held));
  }
}

export function sumOf(state: CounterState): number {
  return state.redisPart + state.postgresPart;
}

function toldBy({ lastSum, postgresPart, generation, stamp, expiresAt, operations }: CounterCompanion): CounterState {
  return { generation, redisPart: lastSum - postgresPart, postgresPart, stamp, expiresAt, operations };
}
