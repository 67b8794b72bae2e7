/** A record with a moment of expiry is served before it and never after, from either store, and doesn't come back. */
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
  legacyKey,
  otherThan,
  Past,
  STAGES,
  untilAuthority,
  untilHealed,
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

const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);
/** Both servers and this process run on one machine, so their clocks are one. */
const untilPast = (moment: number) => waitFor(() => Date.now() > moment, { what: "the moment of expiry" });

describe.each(STAGES)("%s, expiry", (strategy) => {
  const authority = authorityOf(strategy);
  let store: DualWriteStore;

  beforeAll(async () => {
    store = await pair.open(strategy, { deadlines: { read: 1000, write: 5000, mirror: 500 } });
    await untilAuthority(store, authority);
    return () => store.close();
  });

  async function putUntil(expiresAt: number | Date | null): Promise<string> {
    const id = `expiring-${strategy}-${++n}`;
    await ledgers(store).put(id, ledger("first"), { expiresAt });
    return id;
  }

  it("is the same moment in both stores to the millisecond, kept by updates and changed by those that say so", async () => {
    const moment = Date.now() + 3_600_123;
    const id = await putUntil(new Date(moment));
    await drained(store);
    const expectMoment = async (expiresAt: number | null) => {
      const { redis, postgres } = await past.record(id);
      expect({ redis: redis.expiresAt, postgres: postgres.expiresAt }).toEqual({
        redis: expiresAt,
        postgres: expiresAt,
      });
      expect(await ledgers(store).read(id)).toMatchObject({ kind: "hit", expiresAt });
    };
    await expectMoment(moment);
    await append(store, id, "kept");
    await drained(store);
    await expectMoment(moment);
    await ledgers(store).update(id, (value) => value, { expiresAt: moment + 77 });
    await drained(store);
    await expectMoment(moment + 77);
    await ledgers(store).update(id, (value) => value, { expiresAt: null });
    await drained(store);
    await expectMoment(null);
  });

  it("a record is served until its moment and never after", async () => {
    const moment = Date.now() + 900;
    const id = await putUntil(moment);
    let before = 0;
    for (let after = 0; after < 5; ) {
      const began = Date.now();
      const { kind } = await ledgers(store).read(id);
      const ended = Date.now();
      if (ended < moment) {
        expect(kind, `${moment - ended} ms before`).toBe("hit");
        before++;
      } else if (began > moment) {
        expect(kind, `${began - moment} ms after`).toBe("miss");
        after++;
      }
    }
    expect(before).toBeGreaterThan(0);
    await past.expectRecord(id, null);
  });

  it("an expired record isn't served by a fallback, and no update, drain or other process brings it back", async () => {
    const moment = Date.now() + 700;
    const id = await putUntil(moment);
    const fresh = await putUntil(null);
    await drained(store);
    await untilPast(moment);
    await proxyOf(authority).setMode("refuse");
    const outcome = await ledgers(store).read(id);
    expect(outcome.kind).not.toBe("hit");
    if (strategy !== "POSTGRES_ONLY")
      expect(await ledgers(store).read(fresh)).toMatchObject({
        kind: "hit",
        store: otherThan(authority),
        fallback: true,
      });
    await untilHealed(pair, store);
    expect(await append(store, id, "too late")).toBeNull();
    await drained(store);
    await past.expectRecord(id, null);
    const other = await pair.open(strategy);
    expect(await ledgers(other).get(id)).toBeNull();
    await other.close();
    expect(await ledgers(store).create(id, ledger("anew"))).toBe(true);
    await drained(store);
    await past.expectRecord(id, ledger("anew"));
  });

  it("a write that the mirror hears of only after its expiry isn't served from there either", async () => {
    await untilHealed(pair, store);
    await proxyOf(otherThan(authority)).setMode("refuse");
    const moment = Date.now() + 500;
    const id = await putUntil(moment);
    await untilPast(moment);
    await untilHealed(pair, store);
    await drained(store);
    await past.expectRecord(id, null);
    expect(await ledgers(store).get(id)).toBeNull();
  });

  if (strategy !== "POSTGRES_ONLY") {
    it("a flushed Redis is refilled with what lives, with its moment, and with nothing that expired", async () => {
      await untilHealed(pair, store);
      const later = Date.now() + 3_600_456;
      const moment = Date.now() + 600;
      const [expired, living] = [await putUntil(moment), await putUntil(later)];
      await drained(store);
      await untilPast(moment);
      await past.redis.flushall();
      expect(await ledgers(store).get(expired, { deadline: 5000 })).toBeNull();
      await waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });
      await drained(store);
      expect(await past.redis.exists(legacyKey(expired))).toBe(0);
      expect(await past.record(living)).toEqual({
        redis: { value: ledger("first"), expiresAt: later },
        postgres: { value: ledger("first"), expiresAt: later },
      });
      expect(await ledgers(store).get(expired)).toBeNull();
    });
  }
});
