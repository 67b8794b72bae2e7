/** An operation that is said twice with one id is applied once: under every strategy, through two processes, and across handovers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { authorityOf, closeAll, drained, ledger, ledgers, openFleet, Past, STAGES, untilAuthority } from "./support.js";

let pair: Pair;
let past: Past;

beforeAll(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterAll(async () => {
  await past?.end();
  await pair?.end();
});

type Say = (store: DualWriteStore) => Promise<unknown>;

/** Operations on keys of their own, each with what it answers whenever it is said, and what others did in between. */
function operations(name: string): {
  say: Record<string, Say>;
  prepare: Say;
  between: Say;
  expectOnce: () => Promise<void>;
} {
  const id = (suffix: string) => `${name}-${suffix}`;
  const append = (op: string) => (value: { user_id: string; ops: readonly string[] }) => ({
    ...value,
    ops: [...value.ops, op],
  });
  return {
    prepare: async (store) => {
      await ledgers(store).put(id("updated"), ledger("first"));
      await ledgers(store).put(id("deleted"), ledger("first"));
    },
    say: {
      put: async (store) => ledgers(store).put(id("put"), ledger("put"), { operationId: id("op-put") }),
      update: async (store) =>
        expect(
          await ledgers(store).update(id("updated"), append("op"), { operationId: id("op-update") }),
        ).not.toBeNull(),
      create: async (store) =>
        expect(await ledgers(store).create(id("created"), ledger("created"), { operationId: id("op-create") })).toBe(
          true,
        ),
      delete: async (store) =>
        expect(await ledgers(store).delete(id("deleted"), { operationId: id("op-delete") })).toBe(true),
      // An id of any form: what it is hashed to travels.
      track: async (store) =>
        store.usage.track({ userId: name }, { by: 2, operationId: `${name} ünd mehr, with a comma` }),
    },
    // Said again, an operation mustn't undo what came after it.
    between: async (store) => {
      await ledgers(store).update(id("put"), append("later"));
      await ledgers(store).update(id("updated"), append("later"));
      await ledgers(store).update(id("created"), append("later"));
      await ledgers(store).create(id("deleted"), ledger("later"));
      await store.usage.track({ userId: name });
    },
    expectOnce: async () => {
      await past.expectRecord(id("put"), ledger("put", "later"));
      await past.expectRecord(id("updated"), ledger("first", "op", "later"));
      await past.expectRecord(id("created"), ledger("created", "later"));
      await past.expectRecord(id("deleted"), ledger("later"));
      await past.expectCounter(name, 3);
    },
  };
}

const sayAll = async (say: Record<string, Say>, store: DualWriteStore) => {
  for (const one of Object.values(say)) await one(store);
};

describe.each(STAGES)("%s, the same id again", (strategy) => {
  it("applies put, update, create, delete and track once, one after another and at once, through either of two processes", async () => {
    const stores = (await openFleet(pair, [strategy, strategy], authorityOf(strategy))) as [
      DualWriteStore,
      DualWriteStore,
    ];
    const [store, other] = stores;
    const { say, prepare, between, expectOnce } = operations(`again-${strategy}`);
    await prepare(store);
    await Promise.all(Object.values(say).flatMap((one) => [one(store), one(other), one(store), one(other)]));
    await between(other);
    await sayAll(say, store);
    await sayAll(say, other);
    await drained(store);
    await expectOnce();
    await closeAll(stores);
  });
});

describe("across handovers", () => {
  it("an id is remembered through every stage forward and back", async () => {
    const store = await pair.open("REDIS_PRIMARY");
    await untilAuthority(store, "redis");
    const { say, prepare, between, expectOnce } = operations("walk");
    await prepare(store);
    await sayAll(say, store);
    await between(store);
    for (const stage of [1, 2, 3, 2, 1, 0]) {
      const strategy = STAGES[stage] as (typeof STAGES)[number];
      await store.setStrategy(strategy);
      await untilAuthority(store, authorityOf(strategy));
      await sayAll(say, store);
      await drained(store);
      await expectOnce();
    }
    await store.close();
  });

  it("an id first used under Postgres is remembered under Redis, and after Redis lost its memory", async () => {
    const store = await pair.open("REDIS_PRIMARY");
    await untilAuthority(store, "redis");
    const { say, prepare, between, expectOnce } = operations("back");
    await prepare(store);
    for (const strategy of ["DUAL_WRITE", "POSTGRES_PRIMARY"] as const) await store.setStrategy(strategy);
    await untilAuthority(store, "postgres");
    await sayAll(say, store);
    await store.setStrategy("DUAL_WRITE");
    await untilAuthority(store, "redis");
    await sayAll(say, store);
    await between(store);
    await drained(store);
    await past.redis.flushall();
    await sayAll(say, store);
    await drained(store);
    await expectOnce();
    await store.close();
  });
});
