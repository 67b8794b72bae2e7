/**
 * Stores to rehearse a backfill with: they answer as the real ones would, and nothing is written to either. Postgres carries out
 * each statement and takes it back; Redis is only read, and what its scripts would have made is worked out here.
 */
import { type Reign, reignOf, type TermView } from "../../engine/term-view.js";
import { StrategyError } from "../../errors.js";
import { Guard } from "../../stores/guard.js";
import type { ControlRecords } from "../../stores/postgres/control-records.js";
import type { RedisStore } from "../../stores/redis/redis-store.js";
import { type CounterState, nextStamp } from "../../stores/state.js";
import type { Fence, HeldCounter, HeldRecord } from "../../stores/store.js";
import type { BothStores } from "../migration-context.js";
import { refuseUnlessRedis } from "../redis-authority.js";
import { readOnlyClient } from "./read-only-client.js";

export interface Rehearsal {
  readonly context: BothStores;
  close(): Promise<void>;
}

/** @throws StrategyError while Postgres is the authority, or Redis isn't known to hold everything */
export async function rehearse(context: BothStores): Promise<Rehearsal> {
  const fences = await context.term.refresh();
  const isFresh = !fences.redis && !fences.postgres;
  const reign: Reign | null = isFresh ? { term: 1, authority: "redis" } : reignOf(fences);
  if (reign) refuseUnlessRedis(reign);
  if (!reign || fences.redis?.complete === false)
    throw new StrategyError(
      "The authority is being moved, or Redis lost its memory and is being refilled: nothing can be rehearsed until that is settled.",
    );
  const term = fences.postgres?.term ?? reign.term;
  const mirror: Fence = { term, role: "mirror", complete: false };
  const store = context.postgres.store.rehearsal(fences.postgres ? null : mirror);
  const postgres = new Guard(store);
  const redis = new Guard(rehearsalRedis(context.redis.store, { term, role: "authority", complete: true }));
  const settled = {
    reign: { term, authority: "redis" },
    contradicted: () => {},
    refresh: () => context.term.refresh(),
  };
  return {
    context: {
      ...context,
      redis,
      postgres,
      term: settled as unknown as TermView,
      evidence: rehearsalEvidence(context.evidence),
    },
    close: async () => {
      redis.stop();
      postgres.stop();
      await store.close();
    },
  };
}

function rehearsalRedis(store: RedisStore, fence: Fence): RedisStore {
  const noted = (held: { readonly operations: readonly string[] }, id: string) => [...held.operations, id];
  const later = async (stamp: number) => nextStamp("redis", (await store.now()) * 1000, stamp);
  const overrides: Partial<RedisStore> = {
    inspectRecords: async (collection, ids, adopt, most) => {
      const { held } = await store.inspectRecords(collection, ids, undefined, most);
      return { fence, held: adopt ? await Promise.all(held.map((one) => adopted(one, adopt.mode, later))) : held };
    },
    inspectCounters: async (collection, ids, adopt) => {
      const { held } = await store.inspectCounters(collection, ids);
      return { fence, held: adopt ? await Promise.all(held.map((one) => adopted(one, adopt.mode, later))) : held };
    },
    writeRecords: async (collection, _term, writes) => {
      const { held } = await store.inspectRecords(
        collection,
        writes.map(({ id }) => id),
      );
      const results = writes.map(async ({ bytes, expiresAt, operationId }, i) => {
        const before = held[i] as HeldRecord;
        const known = "stamp" in before ? before : { stamp: 0, expiresAt: null, operations: [] };
        const until = expiresAt === "keep" ? known.expiresAt : expiresAt;
        const stamp = await later(known.stamp);
        const state = { stamp, bytes, expiresAt: until, operations: noted(known, operationId) };
        return { kind: "written" as const, state };
      });
      return { fenced: false, results: await Promise.all(results) };
    },
    addToCounters: async (collection, _term, adds) => {
      const { held } = await store.inspectCounters(
        collection,
        adds.map(({ id }) => id),
      );
      const results = adds.map(async ({ by, operationId, ttlMs }, i) => {
        const before = held[i] as HeldCounter;
        if (before.kind === "unreadable") return { kind: "rejected" as const, reason: before.reason };
        const stamp = await later(before.kind === "value" ? before.stamp : 0);
        const expiresAt = ttlMs === null ? null : Math.round(stamp / 1000) + ttlMs;
        const fresh: CounterState = {
          generation: stamp,
          redisPart: 0,
          postgresPart: 0,
          stamp,
          expiresAt,
          operations: [],
        };
        const { generation, redisPart, postgresPart, ...rest } = before.kind === "value" ? before : fresh;
        const state: CounterState = {
          generation: generation || stamp,
          redisPart: redisPart + by,
          postgresPart,
          stamp,
          expiresAt: rest.expiresAt,
          operations: noted(rest, operationId),
        };
        return { kind: "added" as const, state };
      });
      return { fenced: false, results: await Promise.all(results) };
    },
    clearLog: async () => {},
    indexRecords: async () => {},
    setIndexed: async () => {},
    forgetOverflow: async () => true,
    claimTask: async () => true,
  };
  const client = readOnlyClient(store.connection.client);
  return withOverrides(store, { ...overrides, connection: withOverrides(store.connection, { client }) });
}

/** What the script would have made of a bypass writer's change: a state of its own, newer than all before. */
async function adopted<H extends HeldRecord | HeldCounter>(
  held: H,
  mode: "changed" | "bare",
  later: (stamp: number) => Promise<number>,
): Promise<H> {
  if (held.kind !== "value" || !held.bypass || (mode === "changed" && held.stamp === 0)) return held;
  const stamp = await later(held.stamp);
  return { ...held, stamp, bypass: false, ...("generation" in held ? { generation: stamp } : {}) };
}

/** Reads pass through; what a run would note of itself goes nowhere. */
function rehearsalEvidence(evidence: ControlRecords): ControlRecords {
  return withOverrides(evidence, {
    startBackfill: async () => {},
    saveBackfill: async () => {},
    endBackfill: async () => {},
    unfinishedBackfill: async () => null,
    unfinishedBackfills: async () => [],
    openBackfills: async () => [],
    setAside: async () => {},
    takeBack: async () => {},
    putTimeseries: async (rows) => {
      const stands = new Map((await evidence.readTimeseries()).map((row) => [`${row.metric}\0${row.bucket}`, row]));
      return rows.filter(({ metric, bucket, original }) => stands.get(`${metric}\0${bucket}`)?.original !== original)
        .length;
    },
  });
}

/** The same object, but for what is given. Its methods keep their own `this`, which private fields need. */
function withOverrides<T extends object>(target: T, overrides: Partial<T>): T {
  return new Proxy(target, {
    get(of, name) {
      if (name in overrides) return Reflect.get(overrides, name);
      const value = Reflect.get(of, name, of) as unknown;
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}
