/** Redis reaches its maxmemory under noeviction: writes that it decides are refused, reads go on, and nothing is lost when there is room again. */
import { afterEach, describe, expect, it } from "vitest";
import { AuthorityUnavailableError, type DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { Outage } from "./outage.js";
import { append, authorityOf, drained, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";

let pair: Pair;
let outage: Outage | undefined;

afterEach(async () => {
  await outage?.end();
  outage = undefined;
  await pair?.end();
});

describe.each(STAGES)("%s, Redis full", (strategy) => {
  it("refuses or repairs what can't be stored, and loses nothing", async () => {
    pair = await openPair({ redis: { args: ["--maxmemory-policy", "noeviction"] } });
    outage = await Outage.prepare(pair, strategy, "redis");
    const { past, traffic } = outage;
    const [store] = outage.stores as [DualWriteStore];
    await ledgers(store).put("kept", ledger("first"));
    await waitFor(async () => (await past.record("kept")).postgres.value !== null, { what: "both stores to have it" });

    await past.redis.config("SET", "maxmemory", "1");
    await outage.observe();
    // A server that answers "no" to writes isn't away: reads aren't sent elsewhere, however many writes it refuses at once.
    const burst = Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => ledgers(store).put(`burst-${n}`, ledger("burst"), { deadline: 400 })),
    );
    for (let n = 0; n < 50; n++) {
      const read = await ledgers(store).read("kept");
      expect(read).toMatchObject({ kind: "hit", store: authorityOf(strategy), fallback: false });
    }
    await burst;
    if (outage.ofAuthority) {
      const refused = await ledgers(store)
        .put("kept", ledger("refused"))
        .catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(AuthorityUnavailableError);
      expect((refused as Error).message).toMatch(/maxmemory/);
      // Refused is refused: neither store has it.
      await past.expectRecord("kept", ledger("first"));
    }
    expect(traffic.unread).toEqual([]);

    await past.redis.config("SET", "maxmemory", "0");
    await outage.expectRecovered();
  }, 60_000);
});

describe("Redis full when the authority is to move", () => {
  it("hands over to Postgres all the same, with what only Redis had, and takes writes again there", async () => {
    pair = await openPair({ redis: { args: ["--maxmemory-policy", "noeviction"] } });
    const past = new Past(pair);
    const store = await pair.open("DUAL_WRITE");
    await untilAuthority(store, "redis");
    await ledgers(store).put("kept", ledger("first"));
    await drained(store);
    await pair.databaseProxy.setMode("refuse");
    await append(store, "kept", "in Redis only");
    await store.usage.track({ userId: "counted" }, { by: 5 });
    await past.redis.config("SET", "maxmemory", "1");
    await expect(ledgers(store).put("refused", ledger("x"), { deadline: 300 })).rejects.toThrow(/maxmemory/);
    await pair.databaseProxy.setMode("pass");
    // The background drain goes on: it makes room.
    await waitFor(async () => (await past.record("kept")).postgres.value?.ops.length === 2, { what: "the drain" });

    await store.setStrategy("POSTGRES_PRIMARY", { reason: "Redis is full" });
    await untilAuthority(store, "postgres");
    await append(store, "kept", "in Postgres");
    await store.usage.track({ userId: "counted" });
    expect(await ledgers(store).get("refused")).toBeNull();

    await past.redis.config("SET", "maxmemory", "0");
    await drained(store);
    await past.expectRecord("kept", ledger("first", "in Redis only", "in Postgres"));
    await past.expectCounter("counted", 6);
    await past.end();
  });

  it("a process that starts anew finds a full Redis as it was, and can leave it too", async () => {
    pair = await openPair({ redis: { args: ["--maxmemory-policy", "noeviction"] } });
    const past = new Past(pair);
    const first = await pair.open("REDIS_PRIMARY");
    await ledgers(first).put("kept", ledger("first"));
    await first.close();
    await past.redis.config("SET", "maxmemory", "1");
    const store = await pair.open("DUAL_WRITE");
    await untilAuthority(store, "redis");
    expect(await ledgers(store).get("kept")).toEqual(ledger("first"));
    await store.setStrategy("POSTGRES_PRIMARY", { reason: "Redis is full" });
    await untilAuthority(store, "postgres");
    await append(store, "kept", "in Postgres");
    await past.end();
  });
});
