/** Redis reaches its maxmemory under noeviction: writes that it decides are refused, reads go on, and nothing is lost when there is room again. */
import { afterEach, describe, expect, it } from "vitest";
import { AuthorityUnavailableError, type DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { Outage } from "./outage.js";
import { authorityOf, drained, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";

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

describe("DUAL_WRITE, Redis full when the authority is to move", () => {
  it("stays the authority, says what it waits for, and hands over when there is room", async () => {
    pair = await openPair({ redis: { args: ["--maxmemory-policy", "noeviction"] } });
    const past = new Past(pair);
    const store = await pair.open("DUAL_WRITE");
    await untilAuthority(store, "redis");
    await ledgers(store).put("kept", ledger("first"));
    await drained(store);
    await past.redis.config("SET", "maxmemory", "1");
    await store.setStrategy("POSTGRES_PRIMARY", { reason: "while Redis is full" });
    await waitFor(async () => (await store.health()).waitingFor?.includes("maxmemory"), {
      what: "the reason to be told",
    });
    expect(await store.health()).toMatchObject({ authority: "redis", ready: true });
    expect(await ledgers(store).get("kept")).toEqual(ledger("first"));
    await past.redis.config("SET", "maxmemory", "0");
    await untilAuthority(store, "postgres");
    expect(await ledgers(store).get("kept")).toEqual(ledger("first"));
    await past.end();
  });
});
