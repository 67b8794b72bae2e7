/** What the fault tests share: one collection whose values carry their own history, both stores looked at past the library, and waits. */
import { Redis } from "ioredis";
import postgres from "postgres";
import { expect } from "vitest";
import type { DualWriteStore, Records, StoreName, StrategyName } from "../../src/index.js";
import type { Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

/** The four in the order of their stages. */
export const STAGES = [
  "REDIS_PRIMARY",
  "DUAL_WRITE",
  "POSTGRES_PRIMARY",
  "POSTGRES_ONLY",
] as const satisfies readonly StrategyName[];

export function authorityOf(strategy: StrategyName): StoreName {
  return strategy === "REDIS_PRIMARY" || strategy === "DUAL_WRITE" ? "redis" : "postgres";
}

export function otherThan(name: StoreName): StoreName {
  return name === "redis" ? "postgres" : "redis";
}

/** A value that names every operation it was made by, so that a lost one shows. */
export interface Ledger {
  readonly user_id: string;
  readonly ops: readonly string[];
}

export const ledger = (...ops: string[]): Ledger => ({ user_id: "u1", ops });
export const ledgers = (store: DualWriteStore) => store.collections.user_sessions as unknown as Records<Ledger>;
/** Appends `op` to what stands, under `op` as operation id. */
export const append = (store: DualWriteStore, id: string, op: string) =>
  ledgers(store).update(id, (value) => ({ ...value, ops: [...value.ops, op] }), { operationId: op });

export const legacyKey = (id: string) => `threadr:session:${id}`;
const today = () => new Date().toISOString().slice(0, 10);
const counterId = (userId: string) => `user:${userId}:daily:${today()}`;
export const usageKey = (userId: string) => `threadr:usage:${counterId(userId)}`;

export interface RecordView {
  readonly value: Ledger | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
}

/** Both stores as a program without the library sees them. */
export class Past {
  readonly redis: Redis;
  readonly sql: postgres.Sql;

  constructor(pair: Pair) {
    this.redis = new Redis(pair.redis.url);
    this.redis.on("error", () => {});
    this.sql = postgres(pair.databaseUrl, { max: 2, onnotice: () => {} });
  }

  async record(id: string): Promise<Record<StoreName, RecordView>> {
    const [text, at] = await Promise.all([
      this.redis.get(legacyKey(id)),
      this.redis.call("PEXPIRETIME", legacyKey(id)),
    ]);
    const [row] = await this.sql`
      select convert_from(sync_original, 'UTF8') as value, (extract(epoch from sync_expires_at) * 1000)::bigint as at
      from user_sessions where token = ${id} and sync_original is not null and (sync_expires_at is null or sync_expires_at > clock_timestamp())`;
    return {
      redis: { value: text ? JSON.parse(text) : null, expiresAt: text && Number(at) > 0 ? Number(at) : null },
      postgres: { value: row ? JSON.parse(row.value as string) : null, expiresAt: row?.at ? Number(row.at) : null },
    };
  }

  async counter(userId: string): Promise<Record<StoreName, number>> {
    const [row] = await this
      .sql`select sync_redis_part + sync_postgres_part as sum, count from usage_tracking where id = ${counterId(userId)}`;
    if (row) expect(Number(row.count), "the typed column follows the counter's parts").toBe(Number(row.sum));
    return { redis: Number(await this.redis.get(usageKey(userId))), postgres: Number(row?.sum ?? 0) };
  }

  /** Both stores hold exactly this. */
  async expectRecord(id: string, value: Ledger | null): Promise<void> {
    const { redis, postgres: pg } = await this.record(id);
    expect({ id, redis: redis.value, postgres: pg.value }).toEqual({ id, redis: value, postgres: value });
  }

  async expectCounter(userId: string, sum: number): Promise<void> {
    expect({ userId, ...(await this.counter(userId)) }).toEqual({ userId, redis: sum, postgres: sum });
  }

  /** The fence that Redis holds: term, role, run, complete, the exceptions to that, … After a copy it names what was copied. */
  async redisIsComplete(): Promise<boolean> {
    const fence = await this.redis.get("dual-write:fence");
    const runId = /^run_id:(\S+)/m.exec(await this.redis.info("server"))?.[1];
    const [, , run, complete, exceptions = ""] = fence?.split(" ") ?? [];
    return run === runId && (complete === "1") !== exceptions.split(",").includes("user_sessions");
  }

  async end(): Promise<void> {
    this.redis.disconnect();
    await this.sql.end({ timeout: 1 });
  }
}

export async function untilAuthority(
  stores: DualWriteStore | readonly DualWriteStore[],
  authority: StoreName,
  timeoutMs = 10_000,
): Promise<void> {
  for (const store of [stores].flat() as DualWriteStore[]) {
    await waitFor(
      async () => {
        const health = await store.health();
        return health.authority === authority && health.ready && health.waitingFor === null;
      },
      { what: `authority ${authority} at ${store.strategy}`, timeoutMs },
    );
  }
}

/** Both servers answer this store again, and it knows its authority. */
export async function untilHealed(pair: Pair, store: DualWriteStore): Promise<void> {
  await Promise.all([pair.redisProxy.setMode("pass"), pair.databaseProxy.setMode("pass")]);
  await waitFor(
    async () => {
      const { ready, redis, postgres: pg } = await store.health();
      return ready && redis?.reachable && pg.reachable && redis.circuit === "closed" && pg.circuit === "closed";
    },
    { what: "both stores to be back" },
  );
}

/** Stores on one pair at the given strategies, all agreeing on the authority. */
export async function openFleet(
  pair: Pair,
  strategies: readonly StrategyName[],
  authority: StoreName,
): Promise<DualWriteStore[]> {
  const stores: DualWriteStore[] = [];
  for (const strategy of strategies) stores.push(await pair.open(strategy));
  await waitFor(
    async () =>
      (await Promise.all(stores.map((store) => store.health()))).every(
        (health) => health.authority === authority && health.ready,
      ),
    {
      what: `authority ${authority} for ${strategies.join(", ")}`,
    },
  );
  return stores;
}

/** Drains, again if a store failed meanwhile. */
export async function drained(store: DualWriteStore): Promise<void> {
  await waitFor(() => store.drain().then(() => true), { what: "the repair logs to be worked off" });
}

export async function closeAll(stores: readonly DualWriteStore[]): Promise<void> {
  await Promise.all(stores.map((store) => store.close()));
}
