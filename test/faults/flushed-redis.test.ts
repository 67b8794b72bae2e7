/** Redis loses everything while Postgres has it all: nothing is missing to a reader, and nothing is lost or comes back. */
import { afterEach, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import {
  append,
  authorityOf,
  drained,
  ledger,
  ledgers,
  legacyKey,
  Past,
  STAGES,
  untilAuthority,
  usageKey,
} from "./support.js";

const RECORDS = 60;
const ids = Array.from({ length: RECORDS }, (_, n) => `kept-${n}`);

let pair: Pair;
let past: Past;

afterEach(async () => {
  await past?.end();
  await pair?.end();
});

describe.each(STAGES.slice(0, 3))("%s, Redis flushed", (strategy) => {
  const authority = authorityOf(strategy);

  /** Both stores hold records, tombstones and counters; two processes are open. */
  async function begin(): Promise<[DualWriteStore, DualWriteStore]> {
    pair = await openPair();
    past = new Past(pair);
    // What is asked here is whether reads are right, not how fast a busy machine settles the term.
    const deadlines = { read: 5000, write: 10_000 };
    const stores = [await pair.open(strategy, { deadlines }), await pair.open(strategy, { deadlines })] as [
      DualWriteStore,
      DualWriteStore,
    ];
    await untilAuthority(stores, authority);
    const [store] = stores;
    await Promise.all(ids.map((id) => ledgers(store).put(id, ledger(id))));
    for (const n of [1, 2, 3]) {
      await ledgers(store).put(`gone-${n}`, ledger("to go"));
      await ledgers(store).delete(`gone-${n}`);
      await store.usage.track({ userId: `counted-${n}` }, { by: n * 10 });
    }
    await drained(store);
    return stores;
  }

  const untilRefilled = () => waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });

  /** Every record, deletes and a counter, through one process: right, and answered. */
  async function readAll(store: DualWriteStore): Promise<void> {
    const [stats, ...read] = await Promise.all([
      store.usage.stats({ userId: "counted-2" }),
      ...[...ids, "gone-1", "gone-2", "never"].map((id) => ledgers(store).read(id)),
    ]);
    for (const [i, outcome] of read.entries()) {
      if (outcome.kind === "error") throw new Error(`${ids[i]} could not be read`, { cause: outcome.error });
      expect(outcome.kind, ids[i]).toBe(i < RECORDS ? "hit" : "miss");
      if (outcome.kind === "hit") expect(outcome.value).toEqual(ledger(ids[i] as string));
    }
    expect(stats).toEqual({ today: 20, thisMonth: 20 });
  }

  it("reads are right at once: never a miss for what Postgres has, never a hit for what was deleted", async () => {
    const [store, other] = await begin();
    await past.redis.flushall();
    // Both processes, all records, again and again until Redis is whole.
    let whole = false;
    const watching = untilRefilled().then(() => (whole = true));
    for (let round = 0; !whole || round < 3; round++) await readAll(round % 2 ? other : store);
    await watching;
  });

  it("updates, counts, creates and deletes that begin at once build on what Postgres has, and both stores agree afterwards", async () => {
    const [store, other] = await begin();
    await past.redis.flushall();
    await Promise.all([
      ...ids.slice(0, 20).map((id) => append(store, id, "after")),
      ...ids.slice(10, 30).map((id) => append(other, id, "other")),
      ...ids.slice(30, 40).map(async (id) => expect(await ledgers(store).delete(id), `${id} stood`).toBe(true)),
      ...ids
        .slice(40, 45)
        .map(async (id) => expect(await ledgers(other).create(id, ledger("new")), `${id} stands`).toBe(false)),
      ...ids.slice(45, 50).map((id) => ledgers(other).put(id, ledger("replaced"))),
      ledgers(store).create("gone-1", ledger("recreated")),
      ...[1, 2, 3].flatMap((n) => [
        store.usage.track({ userId: `counted-${n}` }),
        other.usage.track({ userId: `counted-${n}` }),
      ]),
    ]);
    await untilRefilled();
    await drained(store);
    for (const [i, id] of ids.entries()) {
      const { redis, postgres } = await past.record(id);
      expect(postgres.value, id).toEqual(redis.value);
      const built = [id, ...(i < 20 ? ["after"] : []), ...(i >= 10 && i < 30 ? ["other"] : [])].sort();
      if (i < 30) expect([...(redis.value?.ops ?? [])].sort()).toEqual(built);
      else if (i < 40) expect(redis.value).toBeNull();
      else expect(redis.value).toEqual(i >= 45 && i < 50 ? ledger("replaced") : ledger(id));
    }
    await past.expectRecord("gone-1", ledger("recreated"));
    await past.expectRecord("gone-2", null);
    for (const n of [1, 2, 3]) await past.expectCounter(`counted-${n}`, n * 10 + 2);
  });

  it("a second flush while the first is being repaired changes nothing of that", async () => {
    const [store, other] = await begin();
    await past.redis.flushall();
    await append(store, "kept-0", "one");
    await other.usage.track({ userId: "counted-1" });
    if (strategy === "REDIS_PRIMARY") await drained(store); // What only Redis had goes with its memory: not what this test is about.
    await past.redis.flushall();
    await append(other, "kept-0", "two");
    await store.usage.track({ userId: "counted-1" });
    await untilRefilled();
    await drained(store);
    await past.expectRecord("kept-0", ledger("kept-0", "one", "two"));
    await past.expectRecord("kept-1", ledger("kept-1"));
    await past.expectRecord("gone-1", null);
    await past.expectCounter("counted-1", 12);
  });

  if (authority === "redis") {
    it("reads are answered and right although the term moves again while they look elsewhere", async () => {
      const stores = await begin();
      let flushing = true;
      const readers = [...stores, ...stores].map(async (store) => {
        while (flushing) await readAll(store);
      });
      const flushes = async () => {
        for (let n = 0; n < 12; n++) {
          await past.redis.flushall();
          await waitFor(() => past.redis.exists("dual-write:fence"), { what: "the loss to be noticed", everyMs: 1 });
        }
      };
      await Promise.race([flushes(), Promise.all(readers)]).finally(() => (flushing = false));
      await Promise.all(readers);
    });

    it("what a bypass writer wrote after the flush survives, in both stores", async () => {
      const [store, other] = await begin();
      await past.redis
        .multi()
        .flushall()
        .set(legacyKey("kept-0"), JSON.stringify(ledger("bypass")))
        .set(legacyKey("gone-1"), JSON.stringify(ledger("bypass")))
        .incrby(usageKey("counted-1"), 5)
        .exec();
      expect(await ledgers(store).get("kept-0")).toEqual(ledger("bypass"));
      await append(other, "kept-0", "on top");
      expect((await other.usage.stats({ userId: "counted-1" })).today).toBe(15);
      expect((await store.usage.track({ userId: "counted-1" })).today).toBe(16);
      await untilRefilled();
      expect(await ledgers(store).get("gone-1")).toEqual(ledger("bypass"));
      await append(store, "gone-1", "on top");
      await drained(store);
      await past.expectRecord("kept-0", ledger("bypass", "on top"));
      await past.expectRecord("gone-1", ledger("bypass", "on top"));
      await past.expectRecord("kept-1", ledger("kept-1"));
      await past.expectCounter("counted-1", 16);
    });
  }
});
