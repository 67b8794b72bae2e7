/** A share of the reads is compared with the mirror, records and counters alike: only what stood still and no log explains is told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DualWriteEvents, DualWriteStore } from "../../src/index.js";
import { authorityOf, drained, ledger, ledgers, legacyKey, Past, untilAuthority, usageKey } from "../faults/support.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

let pair: Pair;
let past: Past;
let store: DualWriteStore;
let told: DualWriteEvents["divergence"][];

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

describe.each(["DUAL_WRITE", "POSTGRES_PRIMARY"] as const)("%s", (strategy) => {
  const mirror = authorityOf(strategy) === "redis" ? "postgres" : "redis";

  beforeEach(async () => {
    store = await pair.open(strategy, { compareReads: 1, bypassWriters: false });
    await untilAuthority(store, authorityOf(strategy));
    told = [];
    store.on("divergence", (event) => told.push(event));
    await ledgers(store).put("r", ledger("first"));
    await store.usage.track({ userId: "u" }, { by: 5 });
    await drained(store);
  });

  const tell = async (count: number) => {
    await waitFor(() => told.length >= count, { what: `${count} divergences` });
    return told.map(({ collection, kind }) => `${collection} ${kind}`).sort();
  };
  const spoilRecord = () =>
    mirror === "redis"
      ? past.redis.set(legacyKey("r"), "{}")
      : past.sql`UPDATE user_sessions SET sync_original = convert_to('{}', 'UTF8') WHERE token = 'r'`;
  const spoilCounter = () =>
    mirror === "redis"
      ? past.redis.set(usageKey("u"), "3")
      : past.sql`UPDATE usage_tracking SET sync_redis_part = 3, sync_postgres_part = 0 WHERE id LIKE 'user:u:daily:%'`;

  it("tells nothing of what is the same", async () => {
    await ledgers(store).read("r");
    await store.usage.stats({ userId: "u" });
    // Closing waits for the comparisons under way.
    await store.close();
    expect(told).toEqual([]);
  });

  if (mirror === "redis") {
    it("tells nothing of what Redis is known to lack since it lost its memory", async () => {
      // As if another process were at the refill, so that it doesn't end.
      await past.redis.multi().flushall().set("dual-write:task:refill", "another", "PX", 60_000).exec();
      await waitFor(() => past.redis.exists("dual-write:fence"), { what: "the loss to be noticed" });
      await ledgers(store).read("r");
      await store.usage.stats({ userId: "u" });
      await store.close();
      expect(told).toEqual([]);
    });
  }

  it("tells a record and a counter that differ", async () => {
    await spoilRecord();
    await spoilCounter();
    await ledgers(store).read("r");
    await store.usage.stats({ userId: "u" });
    expect(await tell(2)).toEqual(["usage value", "user_sessions value"]);
    await waitFor(async () => (await past.sql`SELECT FROM dual_write_divergence`).length === 2, {
      what: "both to be kept for the gate",
    });
    expect((await store.health()).counts.divergence).toBe(2);
  });

  it("tells a counter that the mirror lacks", async () => {
    await (mirror === "redis"
      ? past.redis.del(usageKey("u"))
      : past.sql`DELETE FROM usage_tracking WHERE id LIKE '%daily%'`);
    await store.usage.stats({ userId: "u" });
    expect(await tell(1)).toEqual(["usage missing"]);
  });

  it("tells nothing that the mirror is still to hear", async () => {
    // As if another process drained, very slowly: the entries stay, and the stores differ meanwhile.
    const task = await waitFor(async () => (await past.redis.keys("dual-write:task:drain:*"))[0], {
      what: "the drainer's task",
    });
    await past.redis.set(task as string, "another", "PX", 30_000);
    const proxy = mirror === "redis" ? pair.redisProxy : pair.databaseProxy;
    await proxy.setMode("refuse");
    await store.usage.track({ userId: "u" }, { by: 5 });
    await ledgers(store).put("r", ledger("second"));
    await proxy.setMode("pass");
    await waitFor(async () => (await store.health())[mirror]?.circuit === "closed", { what: "the mirror to be back" });
    expect((await store.health()).repairLog.entries).toBe(3);
    await ledgers(store).read("r");
    await store.usage.stats({ userId: "u" });
    await store.close();
    expect(told).toEqual([]);
  });
});
