/** Redis comes back with an older snapshot: what both stores acknowledged is there, what was deleted stays so, counters are exact. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, authorityOf, drained, type Ledger, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";

const deadlines = { read: 5000, write: 15_000 };

let pair: Pair;
let past: Past;

afterEach(async () => {
  await past?.end();
  await pair?.end();
});

const dump = () => join(pair.redis.dir, "dump.rdb");
const kept = () => join(pair.redis.dir, "older.rdb");

async function takeSnapshot(): Promise<void> {
  await past.redis.save();
  await copyFile(dump(), kept());
}

/** As an operator does after losing the machine: the newest backup is an old one. */
async function restoreSnapshot(): Promise<void> {
  await pair.redis.kill();
  await copyFile(kept(), dump());
  await pair.redis.restart();
  await waitFor(() => past.redis.ping(), { what: "Redis to answer again" });
}

const untilWhole = () => waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });

describe.each(STAGES)("%s, Redis restored from an older snapshot", (strategy) => {
  const authority = authorityOf(strategy);

  async function begin(): Promise<DualWriteStore> {
    pair = await openPair();
    past = new Past(pair);
    const store = await pair.open(strategy, { deadlines });
    await untilAuthority(store, authority);
    // The snapshot holds the first version of everything.
    for (const id of ["kept", "changed", "twice", "deleted", "deleted-later"])
      await ledgers(store).put(id, ledger("first"));
    await ledgers(store).delete("recreated");
    await store.usage.track({ userId: "counted" }, { by: 10, operationId: "c-10" });
    await store.usage.track({ userId: "still" }, { by: 4 });
    await drained(store);
    await takeSnapshot();
    // What came after it, acknowledged by both stores.
    await append(store, "changed", "second");
    await append(store, "twice", "second");
    await ledgers(store).delete("deleted");
    await ledgers(store).put("recreated", ledger("recreated"));
    await ledgers(store).create("new", ledger("new"));
    await store.usage.track({ userId: "counted" }, { by: 5, operationId: "c-5" });
    await store.usage.track({ userId: "fresh" }, { by: 2, operationId: "c-2" });
    await drained(store);
    return store;
  }

  async function expectAll(store: DualWriteStore, twice: Ledger, counted: number): Promise<void> {
    await untilWhole();
    await drained(store);
    await past.expectRecord("kept", ledger("first"));
    await past.expectRecord("changed", ledger("first", "second"));
    await past.expectRecord("twice", twice);
    await past.expectRecord("deleted", null);
    await past.expectRecord("deleted-later", null);
    await past.expectRecord("recreated", ledger("recreated"));
    await past.expectRecord("new", ledger("new"));
    await past.expectCounter("counted", counted);
    await past.expectCounter("still", 4);
    await past.expectCounter("fresh", 2);
  }

  it("a process that lived through it serves and keeps what both stores acknowledged", async () => {
    const store = await begin();
    await restoreSnapshot();
    expect(await ledgers(store).get("changed")).toEqual(ledger("first", "second"));
    expect(await ledgers(store).get("deleted")).toBeNull();
    expect(await ledgers(store).get("new")).toEqual(ledger("new"));
    expect((await store.usage.stats({ userId: "counted" })).today).toBe(15);
    await append(store, "twice", "third");
    expect(await ledgers(store).delete("deleted-later")).toBe(true);
    // Said again, as by a client whose answer was lost with the server: the ids of both stores count.
    await store.usage.track({ userId: "counted" }, { by: 5, operationId: "c-5" });
    await store.usage.track({ userId: "fresh" }, { by: 2, operationId: "c-2" });
    await append(store, "changed", "second");
    expect((await store.usage.track({ userId: "counted" }, { by: 1, operationId: "c-1" })).today).toBe(16);
    await expectAll(store, ledger("first", "second", "third"), 16);
  });

  it("a process that starts afterwards serves and keeps what both stores acknowledged", async () => {
    const before = await begin();
    await before.close();
    await restoreSnapshot();
    const store = await pair.open(strategy, { deadlines });
    await untilAuthority(store, authority);
    expect(await ledgers(store).get("changed")).toEqual(ledger("first", "second"));
    expect(await ledgers(store).get("deleted")).toBeNull();
    await append(store, "twice", "third");
    await ledgers(store).delete("deleted-later");
    await store.usage.track({ userId: "counted" }, { by: 5, operationId: "c-5" });
    await expectAll(store, ledger("first", "second", "third"), 15);
  });

  it("nothing is lost when it happens again, with the same snapshot, during the repair", async () => {
    const store = await begin();
    await restoreSnapshot();
    await append(store, "twice", "third");
    await ledgers(store).delete("deleted-later");
    await store.usage.track({ userId: "counted" }, { by: 1, operationId: "c-1" });
    await drained(store);
    await restoreSnapshot();
    await append(store, "twice", "fourth");
    await expectAll(store, ledger("first", "second", "third", "fourth"), 16);
  });
});
