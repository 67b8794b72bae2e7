/** The authority did what it was told and its answer is lost: said again, an operation is applied once, also after a handover. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type DualWriteStore, OutcomeUnknownError, type StoreName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import {
  authorityOf,
  drained,
  type Ledger,
  ledger,
  ledgers,
  Past,
  STAGES,
  untilAuthority,
  untilHealed,
} from "./support.js";

const deadlines = { read: 3000, write: 10_000, mirror: 200 };
const IMPATIENT_MS = 900;

let pair: Pair;
let past: Past;
let n = 0;

beforeAll(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterAll(async () => {
  await past?.end();
  await pair?.end();
});

const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);

interface Case {
  readonly name: string;
  /** `beforeSending` is called when the step that changes the store is about to be sent. */
  readonly run: (store: DualWriteStore, id: string, beforeSending?: () => void, deadline?: number) => Promise<unknown>;
  /** Whether `authority` has done it, as seen past the library. */
  readonly done: (id: string, authority: StoreName) => Promise<boolean>;
  readonly expectOnce: (id: string) => Promise<void>;
}

const seen = async (id: string, authority: StoreName) =>
  (await past.record(id))[authority].value?.ops.includes("second") ?? false;
const call = (id: string, deadline?: number) => ({ operationId: `second-${id}`, ...(deadline ? { deadline } : {}) });

const cases: readonly Case[] = [
  {
    name: "an update",
    run: (store, id, beforeSending, deadline) =>
      ledgers(store).update(
        id,
        (value: Ledger) => {
          beforeSending?.();
          return { ...value, ops: [...value.ops, "second"] };
        },
        call(id, deadline),
      ),
    done: seen,
    expectOnce: (id) => past.expectRecord(id, ledger("first", "second")),
  },
  {
    name: "a put",
    run: (store, id, beforeSending, deadline) => {
      beforeSending?.();
      return ledgers(store).put(id, ledger("second"), call(id, deadline));
    },
    done: seen,
    expectOnce: (id) => past.expectRecord(id, ledger("second")),
  },
  {
    name: "a count",
    run: (store, id, beforeSending, deadline) => {
      beforeSending?.();
      return store.usage.track({ userId: id }, call(id, deadline));
    },
    done: async (id, authority) => (await past.counter(id))[authority] === 6,
    expectOnce: (id) => past.expectCounter(id, 6),
  },
];

async function prepare(store: DualWriteStore, test: Case): Promise<string> {
  const id = `answers-${++n}`;
  await ledgers(store).put(id, ledger("first"));
  await store.usage.track({ userId: id }, { by: 5 });
  // A statement is prepared on its connection before its first use, and that takes an answer: all connections know all of them.
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 30 }, (_, i) => test.run(store, `answers-warm-${i}`)));
  }
  await drained(store);
  return id;
}

describe.each(STAGES)("%s, the authority's answer lost", (strategy) => {
  const authority = authorityOf(strategy);
  let store: DualWriteStore;

  beforeAll(async () => {
    store = await pair.open(strategy, { deadlines, poolSize: 6 });
    await untilAuthority(store, authority);
    for (let i = 0; i < 30; i++) await ledgers(store).put(`answers-warm-${i}`, ledger("first"));
    return () => store.close();
  });
  beforeEach(() => untilHealed(pair, store));

  for (const test of cases) {
    it(`${test.name} that the library itself says again is applied once`, async () => {
      const id = await prepare(store, test);
      const running = test.run(store, id, () => void proxyOf(authority).setMode("swallow-answers"));
      running.catch(() => {});
      // A driver that had to prepare its statement on a new connection first gets no further; then nothing is done until it heals.
      await waitFor(() => test.done(id, authority), { timeoutMs: 3000 }).catch(() => {});
      await proxyOf(authority).setMode("pass");
      await running;
      await drained(store);
      await test.expectOnce(id);
    });

    it(`${test.name} is reported as unknown, and is applied once however often its caller says it again`, async () => {
      const id = await prepare(store, test);
      const failure = await test
        .run(store, id, () => void proxyOf(authority).setMode("swallow-answers"), IMPATIENT_MS)
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(OutcomeUnknownError);
      expect(failure).toMatchObject({ operationId: `second-${id}`, retryable: true });
      await untilHealed(pair, store);
      for (let again = 0; again < 3; again++) await test.run(store, id);
      await drained(store);
      await test.expectOnce(id);
    });

    it(`${test.name} whose answer is cut off in the middle is applied once`, async () => {
      const id = await prepare(store, test);
      const cut = { done: Promise.resolve() };
      const first = await test
        .run(store, id, () => (cut.done = proxyOf(authority).cutMidAnswer()))
        .catch((error: unknown) => error);
      if (first instanceof Error) expect(first).toBeInstanceOf(OutcomeUnknownError);
      await cut.done;
      await untilHealed(pair, store);
      await test.run(store, id);
      await drained(store);
      await test.expectOnce(id);
    });
  }
});
