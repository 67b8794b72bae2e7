/** Strategy × operation × which side fails × how: what the caller sees, and that both stores agree once the side is back. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AuthorityUnavailableError,
  DualWriteError,
  type DualWriteStore,
  OutcomeUnknownError,
  type StoreName,
  type StrategyName,
} from "../../src/index.js";
import { Past } from "../faults/support.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

const deadlines = { read: 400, write: 800, mirror: 150 };
const authorities: Record<StrategyName, StoreName> = {
  REDIS_PRIMARY: "redis",
  DUAL_WRITE: "redis",
  POSTGRES_PRIMARY: "postgres",
  POSTGRES_ONLY: "postgres",
};
/** Strategies whose reads may be answered by the other store. */
const fallsBack: Record<StrategyName, boolean> = {
  REDIS_PRIMARY: true,
  DUAL_WRITE: true,
  POSTGRES_PRIMARY: true,
  POSTGRES_ONLY: false,
};

type Value = Record<string, unknown>;
const sessions = (store: DualWriteStore) => store.collections.user_sessions;
const session = (n: number) => ({ user_id: `u${n}`, is_active: true }) as never;

/** Each writes under an id of its own and gives what must stand there afterwards. */
const writes: Record<string, (store: DualWriteStore, id: string) => Promise<Value | null>> = {
  put: async (store, id) => {
    await sessions(store).put(id, session(1));
    return session(1);
  },
  create: async (store, id) => {
    await sessions(store).create(`${id}`, session(2));
    return session(2);
  },
  update: async (store, id) => {
    await sessions(store).update(id, (value) => ({ ...(value as Value), user_id: "changed" }) as never);
    return { ...(session(0) as Value), user_id: "changed" };
  },
  delete: async (store, id) => {
    await sessions(store).delete(id);
    return null;
  },
};

export function describeMatrix(strategy: StrategyName): void {
  const authority = authorities[strategy];
  const mirror: StoreName = authority === "redis" ? "postgres" : "redis";

  describe(`${strategy}, one side failing`, () => {
    let pair: Pair;
    let store: DualWriteStore;
    let past: Past;
    let n = 0;

    const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);
    /** A Redis that isn't complete yet asks Postgres before it creates, so a mirror's outage would count for the authority's. */
    const heal = async () => {
      await Promise.all([pair.redisProxy.setMode("pass"), pair.databaseProxy.setMode("pass")]);
      await waitFor(() => past.redisIsComplete(), { what: "Redis to be complete" });
      await waitFor(
        async () => {
          const health = await store.health();
          return health.ready && health.authority === authority && health.redis?.reachable && health.postgres.reachable;
        },
        { what: "both stores to be back" },
      );
    };
    /** What each store holds itself, past the library. */
    const both = async (id: string) => {
      const legacy = await past.redis.get(`threadr:session:${id}`);
      const [row] =
        await past.sql`select convert_from(sync_original, 'UTF8') as original from user_sessions where token = ${id} and sync_original is not null`;
      return { redis: legacy && JSON.parse(legacy), postgres: row ? JSON.parse(row.original as string) : null };
    };

    beforeAll(async () => {
      pair = await openPair();
      store = await pair.open(strategy, { deadlines });
      past = new Past(pair);
      await heal();
    });
    afterAll(async () => {
      await past?.end();
      await pair?.end();
    });

    for (const mode of ["refuse", "blackhole"] as const) {
      for (const [name, write] of Object.entries(writes)) {
        it(`${name} succeeds while the mirror ${mode === "refuse" ? "refuses" : "is silent"}, and the mirror has it once it is back`, async () => {
          await heal();
          const id = `mirror-${mode}-${name}-${++n}`;
          if (name !== "create") await sessions(store).put(id, session(0));
          await proxyOf(mirror).setMode(mode);
          proxyOf(mirror).cutAll();
          const expected = await write(store, id);
          expect(await sessions(store).get(id)).toEqual(expected);
          await heal();
          await store.drain();
          expect(await both(id)).toEqual({ redis: expected, postgres: expected });
        });

        it(`${name} is refused or unknown while the authority ${mode === "refuse" ? "refuses" : "is silent"}, never taken by the mirror`, async () => {
          await heal();
          const id = `authority-${mode}-${name}-${++n}`;
          if (name !== "create") await sessions(store).put(id, session(0));
          await store.drain();
          const before = await both(id);
          await proxyOf(authority).setMode(mode);
          proxyOf(authority).cutAll();
          const failure = await write(store, id).catch((error: unknown) => error);
          expect(failure).toBeInstanceOf(DualWriteError);
          const known = failure instanceof AuthorityUnavailableError || failure instanceof OutcomeUnknownError;
          expect(known, String(failure)).toBe(true);
          expect((failure as DualWriteError).operationId).toBeTypeOf("string");
          const during = await both(id);
          expect(during[mirror]).toEqual(before[mirror]);
          await heal();
          await store.drain();
          const after = await both(id);
          expect(after.redis).toEqual(after.postgres);
          if (failure instanceof AuthorityUnavailableError) expect(after[authority]).toEqual(before[authority]);
        });

        it(`${name} waits for an authority that comes back within its deadline`, async () => {
          await heal();
          const id = `back-${mode}-${name}-${++n}`;
          if (name !== "create") await sessions(store).put(id, session(0));
          await proxyOf(authority).setMode(mode);
          proxyOf(authority).cutAll();
          const back = setTimeout(() => void proxyOf(authority).setMode("pass"), 150);
          const patient = await pair.open(strategy, { deadlines: { ...deadlines, write: 5000 } }).catch(() => null);
          clearTimeout(back);
          await proxyOf(authority).setMode("pass");
          if (!patient) throw new Error("a store could not be opened although its authority came back");
          const expected = await write(patient, id);
          await patient.drain();
          expect(await both(id)).toEqual({ redis: expected, postgres: expected });
          await patient.close();
        });
      }

      it(`a read is ${fallsBack[strategy] ? "answered by the mirror and says so" : "an error"} while the authority ${mode === "refuse" ? "refuses" : "is silent"}`, async () => {
        await heal();
        const id = `read-${mode}-${++n}`;
        await sessions(store).put(id, session(3));
        await store.drain();
        await proxyOf(authority).setMode(mode);
        proxyOf(authority).cutAll();
        const outcome = await sessions(store).read(id);
        if (fallsBack[strategy]) {
          expect(outcome).toMatchObject({ kind: "hit", store: mirror, fallback: true, value: session(3) });
        } else {
          expect(outcome.kind).toBe("error");
          await expect(sessions(store).get(id)).rejects.toBeInstanceOf(AuthorityUnavailableError);
        }
      });

      it(`a read isn't touched while the mirror ${mode === "refuse" ? "refuses" : "is silent"}`, async () => {
        await heal();
        const id = `read-mirror-${mode}-${++n}`;
        await sessions(store).put(id, session(4));
        await proxyOf(mirror).setMode(mode);
        proxyOf(mirror).cutAll();
        expect(await sessions(store).read(id)).toMatchObject({
          kind: "hit",
          store: authority,
          fallback: false,
          value: session(4),
        });
      });

      it(`a count is exact after the ${mode === "refuse" ? "refusal" : "silence"} of either side`, async () => {
        await heal();
        const userId = `count-${mode}-${++n}`;
        await store.usage.track({ userId }, { operationId: `a-${n}` });
        await proxyOf(mirror).setMode(mode);
        proxyOf(mirror).cutAll();
        await store.usage.track({ userId }, { operationId: `b-${n}` });
        await heal();
        await proxyOf(authority).setMode(mode);
        proxyOf(authority).cutAll();
        const failure = await store.usage.track({ userId }, { operationId: `c-${n}` }).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(DualWriteError);
        await heal();
        await store.usage.track({ userId }, { operationId: `c-${n}` });
        await store.usage.track({ userId }, { operationId: `c-${n}` });
        expect(await store.usage.stats({ userId })).toEqual({ today: 3, thisMonth: 3 });
        await store.drain();
        const day = new Date().toISOString().slice(0, 10);
        const [row] =
          await past.sql`select sync_redis_part + sync_postgres_part as sum from usage_tracking where id = ${`user:${userId}:daily:${day}`}`;
        expect([Number(await past.redis.get(`threadr:usage:user:${userId}:daily:${day}`)), Number(row?.sum)]).toEqual([
          3, 3,
        ]);
      });
    }
  });
}
