/** A program that writes the legacy keys directly, beside the library, while Redis is the authority: its truth stands. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import {
  append,
  drained,
  type Ledger,
  ledger,
  ledgers,
  legacyKey,
  Past,
  STAGES,
  untilAuthority,
  usageKey,
} from "./support.js";

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

const bypassPut = (id: string, ...ops: string[]) => past.redis.set(legacyKey(id), JSON.stringify(ledger(...ops)));

describe.each(STAGES.slice(0, 2))("%s, a bypass writer", (strategy) => {
  let store: DualWriteStore;

  beforeAll(async () => {
    store = await pair.open(strategy);
    await untilAuthority(store, "redis");
    return () => store.close();
  });

  /** A record that both stores hold. */
  async function held(): Promise<string> {
    const id = `bypassed-${++n}`;
    await ledgers(store).put(id, ledger("library"));
    await drained(store);
    return id;
  }

  it("creates a record: it is served, and an update builds on it", async () => {
    const id = `bypassed-${++n}`;
    await bypassPut(id, "bypass");
    expect(await ledgers(store).get(id)).toEqual(ledger("bypass"));
    await append(store, id, "on top");
    await drained(store);
    await past.expectRecord(id, ledger("bypass", "on top"));
  });

  it("changes a record: it is served, an update builds on it, and an older state in the repair log doesn't overwrite it", async () => {
    const id = await held();
    await pair.databaseProxy.setMode("refuse");
    await append(store, id, "unheard");
    await bypassPut(id, "bypass");
    expect(await ledgers(store).get(id)).toEqual(ledger("bypass"));
    await pair.databaseProxy.setMode("pass");
    await drained(store);
    await past.expectRecord(id, ledger("bypass"));
    await append(store, id, "on top");
    await drained(store);
    await past.expectRecord(id, ledger("bypass", "on top"));
  });

  it("deletes a record: it is a miss, an update finds nothing, and nothing older comes back", async () => {
    const id = await held();
    await past.redis.del(legacyKey(id));
    expect(await ledgers(store).read(id)).toMatchObject({ kind: "miss", store: "redis", fallback: false });
    expect(await append(store, id, "too late")).toBeNull();
    expect(await ledgers(store).create(id, ledger("again"))).toBe(true);
    await drained(store);
    await past.expectRecord(id, ledger("again"));
  });

  it("deletes a record whose last change is still in the repair log: the delete reaches the mirror", async () => {
    const id = await held();
    await pair.databaseProxy.setMode("refuse");
    await append(store, id, "unheard");
    await past.redis.del(legacyKey(id));
    await pair.databaseProxy.setMode("pass");
    await drained(store);
    await past.expectRecord(id, null);
  });

  it("deletes what the library deleted already, and recreates it: its value stands", async () => {
    const id = await held();
    await ledgers(store).delete(id);
    await past.redis.del(legacyKey(id));
    await bypassPut(id, "bypass");
    await drained(store);
    expect(await ledgers(store).get(id)).toEqual(ledger("bypass"));
    await append(store, id, "on top");
    await drained(store);
    await past.expectRecord(id, ledger("bypass", "on top"));
  });

  it("sets an expiry, and takes one away: both are kept by an update and reach the mirror to the millisecond", async () => {
    const id = await held();
    const moment = Date.now() + 3_600_789;
    await past.redis.pexpireat(legacyKey(id), moment);
    await append(store, id, "one");
    await drained(store);
    const value = (...ops: string[]) => ({ value: ledger("library", ...ops), expiresAt: moment });
    expect(await past.record(id)).toEqual({ redis: value("one"), postgres: value("one") });
    await past.redis.persist(legacyKey(id));
    await append(store, id, "two");
    await drained(store);
    const free = { value: ledger("library", "one", "two"), expiresAt: null };
    expect(await past.record(id)).toEqual({ redis: free, postgres: free });
  });

  it("sets an expiry that ends before anybody looks: the record is a miss in both", async () => {
    const id = await held();
    await past.redis.pexpireat(legacyKey(id), Date.now() - 1);
    expect(await ledgers(store).get(id)).toBeNull();
    expect(await append(store, id, "too late")).toBeNull();
    await ledgers(store).delete(id);
    await drained(store);
    await past.expectRecord(id, null);
  });

  it("counts beside the library: every INCR and every track counts once, in both stores", async () => {
    const userId = `bypassed-${++n}`;
    const work = Array.from({ length: 40 }, (_, i) =>
      i % 2 ? store.usage.track({ userId }, { operationId: `${userId}-${i}` }) : past.redis.incr(usageKey(userId)),
    );
    await Promise.all(work);
    await past.redis.incrby(usageKey(userId), 7);
    expect((await store.usage.stats({ userId })).today).toBe(47);
    await store.usage.track({ userId });
    await drained(store);
    await past.expectCounter(userId, 48);
  });

  it("deletes or sets a counter: counting goes on from what it left", async () => {
    const userId = `bypassed-${++n}`;
    await store.usage.track({ userId }, { by: 100 });
    await drained(store);
    await past.redis.del(usageKey(userId));
    expect((await store.usage.stats({ userId })).today).toBe(0);
    expect((await store.usage.track({ userId }, { by: 3 })).today).toBe(3);
    await drained(store);
    await past.expectCounter(userId, 3);
    await past.redis.set(usageKey(userId), "2", "KEEPTTL");
    expect((await store.usage.track({ userId })).today).toBe(3);
    await drained(store);
    await past.expectCounter(userId, 3);
  });

  it("races the library on one record: each update that was acknowledged stands on what it read, and nobody's last word is lost", async () => {
    const id = await held();
    const acknowledged: (Ledger | null)[] = [];
    for (let round = 0; round < 15; round++) {
      const [, result] = await Promise.all([bypassPut(id, `bypass-${round}`), append(store, id, `lib-${round}`)]);
      acknowledged.push(result);
    }
    // What a plain SET replaced is gone, as it always was; but the bypass writer's last value isn't replaced by anything older.
    const final = (await ledgers(store).get(id))?.ops ?? [];
    expect(final[0]).toBe("bypass-14");
    for (const op of final.slice(1)) expect(acknowledged.some((value) => value?.ops.at(-1) === op)).toBe(true);
    await append(store, id, "last");
    await drained(store);
    await past.expectRecord(id, ledger(...final, "last"));
  });

  it("writes what the library can't read: it is an error, not a miss, and isn't overwritten by an update", async () => {
    const id = await held();
    await past.redis.set(legacyKey(id), "not json");
    expect((await ledgers(store).read(id)).kind).toBe("error");
    await expect(append(store, id, "no")).rejects.toThrow();
    expect(await past.redis.get(legacyKey(id))).toBe("not json");
    await past.redis.del(legacyKey(id));
    await past.redis.rpush(legacyKey(id), "a list");
    expect((await ledgers(store).read(id)).kind).toBe("error");
    await expect(ledgers(store).put(id, ledger("no"))).rejects.toThrow(/another Redis type/);
    await past.redis.del(legacyKey(id));
    await ledgers(store).put(id, ledger("mended"));
    await drained(store);
    await past.expectRecord(id, ledger("mended"));
  });
});
