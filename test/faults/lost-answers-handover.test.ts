/** The authority moves between a lost answer and its repetition: the operation ids travel, so it is applied once all the same. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DualWriteStore, OutcomeUnknownError, type StoreName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { drained, type Ledger, ledger, ledgers, otherThan, Past, untilAuthority, untilHealed } from "./support.js";

const deadlines = { read: 3000, write: 10_000, mirror: 200 };

let pair: Pair;
let past: Past;

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);

/** An update and a count under one operation id each; `beforeSending` is called when both are about to be sent. */
async function say(
  store: DualWriteStore,
  beforeSending?: () => void,
  deadline?: number,
): Promise<PromiseSettledResult<unknown>[]> {
  const options = (operationId: string) => ({ operationId, ...(deadline ? { deadline } : {}) });
  let count: Promise<unknown> | undefined;
  const counting = () => (count ??= store.usage.track({ userId: "moved" }, options("op-count")));
  const update = ledgers(store).update(
    "moved",
    (value: Ledger) => {
      beforeSending?.();
      counting().catch(() => {});
      return { ...value, ops: [...value.ops, "second"] };
    },
    options("op-update"),
  );
  const updated = await Promise.allSettled([update]);
  return [...updated, ...(await Promise.allSettled([counting()]))];
}

/** Every connection has its statements prepared, since preparing one needs an answer; gathered calls would leave most of them cold. */
async function prepare(store: DualWriteStore): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      Array.from({ length: 15 }, async (_, i) => {
        await ledgers(store).put(`warm-${i}`, ledger("first"));
        await ledgers(store).update(`warm-${i}`, (value) => value);
        await store.usage.track({ userId: `warm-${i}` });
      }),
    );
  }
  await ledgers(store).put("moved", ledger("first"));
  await store.usage.track({ userId: "moved" }, { by: 5 });
  await drained(store);
}

async function expectOnce(store: DualWriteStore): Promise<void> {
  await drained(store);
  await past.expectRecord("moved", ledger("first", "second"));
  await past.expectCounter("moved", 6);
}

const done = async (authority: StoreName) =>
  ((await past.record("moved"))[authority].value?.ops.includes("second") ?? false) &&
  (await past.counter("moved"))[authority] === 6;

describe.each([
  ["DUAL_WRITE", "POSTGRES_PRIMARY", "redis"],
  ["POSTGRES_PRIMARY", "DUAL_WRITE", "postgres"],
] as const)("from %s to %s", (from, to, authority) => {
  it("a caller that says it again after the handover has it applied once", async () => {
    const store = await pair.open(from, { deadlines, poolSize: 4, coalesce: false });
    await untilAuthority(store, authority);
    await prepare(store);
    const outcomes = await say(store, () => void proxyOf(authority).setMode("swallow-answers"), 900);
    for (const outcome of outcomes)
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(OutcomeUnknownError);
    await waitFor(() => done(authority), { what: "the authority to have done it" });
    await untilHealed(pair, store);
    await store.setStrategy(to, { reason: "moves between the answer and its repetition", force: true });
    await untilAuthority(store, otherThan(authority));
    for (let again = 0; again < 2; again++) {
      expect((await say(store)).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    }
    await expectOnce(store);
    // And once more after the way back.
    await store.setStrategy(from, { reason: "back again", force: true });
    await untilAuthority(store, authority);
    expect((await say(store)).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    await expectOnce(store);
  });

  it("an operation in flight through the handover that another process makes is applied once", async () => {
    const store = await pair.open(from, { deadlines, poolSize: 4, coalesce: false });
    await untilAuthority(store, authority);
    await prepare(store);
    // The second process reaches both servers by itself; the first has crossed already and waits for it.
    const other = await pair.open(from, { redis: pair.redis.url, postgres: pair.databaseUrl });
    await store.setStrategy(to, { reason: "crosses first" });
    expect((await store.health()).authority).toBe(authority);
    const running = say(store, () => void proxyOf(authority).setMode("swallow-answers"), 15_000);
    await waitFor(() => done(authority), { what: "the authority to have done it" });
    await other.setStrategy(to, { reason: "crosses last" });
    await untilAuthority(other, otherThan(authority));
    await untilHealed(pair, store);
    expect((await running).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    await expectOnce(store);
  });

  it("an operation that the other process says again while the first still waits is applied once", async () => {
    const store = await pair.open(from, { deadlines, poolSize: 4, coalesce: false });
    await untilAuthority(store, authority);
    await prepare(store);
    const other = await pair.open(to, { redis: pair.redis.url, postgres: pair.databaseUrl });
    const running = say(store, () => void proxyOf(authority).setMode("swallow-answers"), 15_000);
    await waitFor(() => done(authority), { what: "the authority to have done it" });
    expect((await say(other)).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    await untilHealed(pair, store);
    await running;
    await expectOnce(other);
  });
});
