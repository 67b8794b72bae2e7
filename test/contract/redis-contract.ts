/** What only a Redis has: the legacy form, bypass writers, and a memory that can be lost. A table of contents. */
import { describe } from "vitest";
import type { RedisSide } from "../../src/stores/sides.js";
import type { MakeStore, StoreHarness } from "./contract-harness.js";
import { describeServingAlone } from "./redis-alone.js";
import { describeBypassedCounters } from "./redis-bypassed-counters.js";
import { describeBypassedMirror } from "./redis-bypassed-mirror.js";
import { describeBypassedRecords } from "./redis-bypassed-records.js";
import { describeCounterRefill } from "./redis-counter-refill.js";
import { describeLegacyForm } from "./redis-legacy-form.js";
import { describeMemoryLoss } from "./redis-memory-loss.js";
import { describePutBack } from "./redis-put-back.js";
import { describeRedisTasks } from "./redis-tasks.js";

/** A program that knows nothing of the library, and whoever may do worse to the server. */
export interface BypassWriter {
  get(key: string): Promise<{ readonly bytes: Buffer; readonly expiresAt: number | null } | null>;
  set(key: string, bytes: Buffer, expiresAt?: number): Promise<void>;
  del(key: string): Promise<void>;
  incr(key: string, by?: number): Promise<void>;
  /** null: PERSIST. */
  expire(key: string, expiresAt: number | null): Promise<void>;
  addMember(key: string, member: string): Promise<void>;
  members(key: string): Promise<string[]>;
  /** Milliseconds that a key still lives; null for ever. */
  ttl(key: string): Promise<number | null>;
  /** FLUSHALL. */
  flush(): Promise<void>;
  /** The server starts again with the memory it had; resolves once the store reaches it. */
  restart(): Promise<void>;
}

export interface RedisHarness extends StoreHarness<RedisSide> {
  readonly bypass: BypassWriter;
}

export type MakeRedis = MakeStore<RedisHarness>;

export function describeRedisContract(name: string, makeStore: MakeRedis): void {
  describe(`${name} as a Redis`, () => {
    describeLegacyForm(makeStore);
    describeBypassedRecords(makeStore);
    describeBypassedMirror(makeStore);
    describeBypassedCounters(makeStore);
    describeMemoryLoss(makeStore);
    describePutBack(makeStore);
    describeCounterRefill(makeStore);
    describeServingAlone(makeStore);
    describeRedisTasks(makeStore);
  });
}
