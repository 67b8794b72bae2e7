/** Redis's memory meets a handover: it comes back from before one, or is lost during many. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, authorityOf, drained, ledger, ledgers, Past, untilAuthority } from "./support.js";
import { acknowledgedByBoth, Traffic } from "./traffic.js";

const deadlines = { read: 8000, write: 15_000, mirror: 10_000 };

let pair: Pair;
let past: Past;

async function begin(): Promise<void> {
  await end();
  pair = await openPair();
  past = new Past(pair);
}
async function end(): Promise<void> {
  await past?.end();
  await pair?.end();
}
beforeEach(begin);
afterEach(end);

const file = (name: string) => join(pair.redis.dir, name);
const untilWhole = () => waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });

async function takeSnapshot(): Promise<void> {
  await past.redis.save();
  await copyFile(file("dump.rdb"), file("older.rdb"));
}

async function restoreSnapshot(): Promise<void> {
  await pair.redis.kill();
  await copyFile(file("older.rdb"), file("dump.rdb"));
  await pair.redis.restart();
  await waitFor(() => past.redis.ping(), { what: "Redis to answer again" });
}

/** As an operator's script does: again until it succeeded. */
async function flip(store: DualWriteStore, strategy: "DUAL_WRITE" | "POSTGRES_PRIMARY"): Promise<void> {
  await waitFor(() => store.setStrategy(strategy).then(() => true), { what: `the flip to ${strategy}`, everyMs: 100 });
}

describe("a snapshot from before a handover", () => {
  it.each([0, 1])(
    "with %i writes in its repair log loses and revives nothing, neither then nor after the way back",
    async (unheard) => {
      const store = await pair.open("DUAL_WRITE", { deadlines: { ...deadlines, mirror: 200 } });
      await untilAuthority(store, "redis");
      for (const id of ["updated", "deleted", "kept"]) await ledgers(store).put(id, ledger("first"));
      await store.usage.track({ userId: "counted" }, { by: 10 });
      await drained(store);
      if (unheard) {
        // The snapshot's log holds what the mirror hadn't heard then.
        await pair.databaseProxy.setMode("refuse");
        for (const id of ["updated", "deleted", "kept"]) await append(store, id, "unheard");
        await store.usage.track({ userId: "counted" });
      }
      await takeSnapshot();
      await pair.databaseProxy.setMode("pass");
      await drained(store);
      await waitFor(async () => (await store.health()).postgres.circuit === "closed");
      await flip(store, "POSTGRES_PRIMARY");
      await untilAuthority(store, "postgres");
      await append(store, "updated", "second");
      await ledgers(store).delete("deleted");
      await store.usage.track({ userId: "counted" }, { by: 5 });
      await drained(store);

      await restoreSnapshot();
      const first = ledger("first", ...(unheard ? ["unheard"] : []));
      const expectAll = async (...more: string[]) => {
        await untilWhole();
        await drained(store);
        await past.expectRecord("updated", ledger(...first.ops, "second", ...more));
        await past.expectRecord("deleted", null);
        await past.expectRecord("kept", first);
        await past.expectCounter("counted", 15 + unheard + more.length);
      };
      expect(await ledgers(store).get("deleted")).toBeNull();
      await expectAll();
      await flip(store, "DUAL_WRITE");
      await untilAuthority(store, "redis");
      await append(store, "updated", "third");
      await store.usage.track({ userId: "counted" });
      await expectAll("third");
      // And once more, now while Redis is the authority of a later term.
      await restoreSnapshot();
      await append(store, "updated", "fourth");
      await store.usage.track({ userId: "counted" });
      await expectAll("third", "fourth");
    },
  );
});

describe("memory lost while the authority moves to and fro under traffic", () => {
  async function scenario(loss: string): Promise<Traffic> {
    await begin();
    const stores = [
      await pair.open("DUAL_WRITE", { deadlines }),
      await pair.open("DUAL_WRITE", { deadlines }),
    ] as const;
    await untilAuthority(stores, "redis");
    await ledgers(stores[0]).put("shared", ledger());
    const traffic = new Traffic(stores);
    await traffic.some(50);
    await takeSnapshot();
    for (const strategy of ["POSTGRES_PRIMARY", "DUAL_WRITE", "POSTGRES_PRIMARY", "DUAL_WRITE"] as const) {
      await traffic.some(20);
      const flipping = (async () => {
        for (const store of stores) await flip(store, strategy);
        await untilAuthority(stores, authorityOf(strategy));
      })();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 250));
      if (loss === "flushed") await past.redis.flushall();
      else await restoreSnapshot();
      await flipping;
    }
    await untilWhole();
    await traffic.some(20);
    await traffic.stop();
    await drained(stores[0]);
    traffic.expectServed();
    return traffic;
  }

  it.each(["flushed", "restored"])(
    "%s at any moment: nothing acknowledged is lost or applied twice",
    (loss) =>
      acknowledgedByBoth(
        () => scenario(loss),
        (traffic) => traffic.expectKept(past),
      ),
    60_000,
  );
});
