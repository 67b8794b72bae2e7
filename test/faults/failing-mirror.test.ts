/** The mirror refuses, hangs or breaks off in mid-answer: the caller notices nothing, and the mirror catches up once it is back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore, StoreName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import {
  append,
  authorityOf,
  drained,
  ledger,
  ledgers,
  otherThan,
  Past,
  STAGES,
  untilAuthority,
  untilHealed,
} from "./support.js";

const MIRROR_MS = 200;
const deadlines = { read: 1000, write: 5000, mirror: MIRROR_MS };

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

const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);

describe.each(STAGES)("%s, the mirror failing", (strategy) => {
  const authority = authorityOf(strategy);
  const mirror = otherThan(authority);
  let store: DualWriteStore;

  beforeAll(async () => {
    store = await pair.open(strategy, { deadlines });
    await untilAuthority(store, authority);
    return () => store.close();
  });

  /** Every kind of operation, some of them several times on one key. */
  async function work(name: string): Promise<void> {
    const all: (() => Promise<unknown>)[] = [
      () => ledgers(store).put(`${name}-put`, ledger("second")),
      () => ledgers(store).create(`${name}-created`, ledger("first")),
      () => append(store, `${name}-updated`, "u1"),
      () => append(store, `${name}-updated`, "u2"),
      () => ledgers(store).delete(`${name}-deleted`),
      () => ledgers(store).delete(`${name}-back`),
      () => ledgers(store).put(`${name}-back`, ledger("again")),
      () => store.usage.track({ userId: name }, { operationId: `${name}-1` }),
      () => store.usage.track({ userId: name }, { operationId: `${name}-1` }),
      () => store.usage.track({ userId: name }, { by: 3, operationId: `${name}-2` }),
    ];
    for (const one of all) {
      const began = performance.now();
      await one();
      // A write waits for its mirror at most as long as it is told; the rest is this machine's own time.
      expect(performance.now() - began).toBeLessThan(MIRROR_MS + 800);
    }
  }

  async function prepare(name: string): Promise<void> {
    for (const suffix of ["put", "updated", "deleted", "back"])
      await ledgers(store).put(`${name}-${suffix}`, ledger("first"));
    await drained(store);
  }

  async function expectDone(name: string): Promise<void> {
    await untilHealed(pair, store);
    await drained(store);
    await past.expectRecord(`${name}-put`, ledger("second"));
    await past.expectRecord(`${name}-created`, ledger("first"));
    await past.expectRecord(`${name}-updated`, ledger("first", "u1", "u2"));
    await past.expectRecord(`${name}-deleted`, null);
    await past.expectRecord(`${name}-back`, ledger("again"));
    await past.expectCounter(name, 4);
  }

  it.each(["refuse", "blackhole", "swallow-answers", "drop-requests"] as const)(
    "mode %s: each operation succeeds in its time and is in both stores, once, when the mirror is back",
    async (mode) => {
      await untilHealed(pair, store);
      const name = `${strategy}-${mode}`;
      await prepare(name);
      await proxyOf(mirror).setMode(mode);
      await work(name);
      await expectDone(name);
    },
  );

  it("drain waits for a mirror that is away, and ends when it is back", async () => {
    await untilHealed(pair, store);
    await proxyOf(mirror).setMode("refuse");
    const id = `${strategy}-drained`;
    await ledgers(store).put(id, ledger("first"));
    const draining = store.drain().then(
      () => "drained",
      (error: unknown) => error,
    );
    // Long enough for its circuit to open.
    await waitFor(async () => (await store.health())[mirror]?.circuit !== "closed", { what: "an open circuit" });
    await proxyOf(mirror).setMode("pass");
    expect(await draining).toBe("drained");
    await past.expectRecord(id, ledger("first"));
  });

  it("an answer cut off in the middle at every operation: each succeeds and is in both stores, once", async () => {
    await untilHealed(pair, store);
    const name = `${strategy}-cut`;
    await prepare(name);
    let cutting = true;
    const cuts = (async () => {
      while (cutting)
        await Promise.race([proxyOf(mirror).cutMidAnswer(), new Promise((resolve) => setTimeout(resolve, 50))]);
    })();
    await work(name);
    cutting = false;
    await cuts;
    await expectDone(name);
  });
});
