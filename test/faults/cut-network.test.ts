/** The network between two processes and one store breaks in every way there is, one after another, under traffic: nothing is lost or doubled. */
import { afterEach, describe, expect, it } from "vitest";
import { DualWriteError } from "../../src/index.js";
import type { ProxyMode } from "../servers/tcp-proxy.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { Outage } from "./outage.js";
import { append, authorityOf, drained, ledger, ledgers, Past, STAGES, untilAuthority, untilHealed } from "./support.js";

/** Two of them let through one way only. */
const MODES = [
  "swallow-answers",
  "drop-requests",
  "blackhole",
  "refuse",
  "delay",
] as const satisfies readonly ProxyMode[];

let pair: Pair;
let outage: Outage | undefined;

afterEach(async () => {
  await outage?.end();
  outage = undefined;
  await pair?.end();
});

describe.each(STAGES)("%s, the network to one store", (strategy) => {
  it.each(["redis", "postgres"] as const)(
    "%s: breaks one way, both ways, or is slow; what was acknowledged is in both stores, once",
    async (store) => {
      pair = await openPair();
      outage = await Outage.prepare(pair, strategy, store);
      const proxy = store === "redis" ? pair.redisProxy : pair.databaseProxy;
      for (const mode of MODES) {
        await proxy.setMode(mode);
        // A delay below the deadlines refuses nothing.
        if (mode === "delay") await outage.traffic.some(10);
        else await outage.observe();
        await proxy.setMode("pass");
        await outage.traffic.some(5);
        // Whole connections again before the next fault, so that each one meets working ones.
        const { stores } = outage;
        await waitFor(async () => (await Promise.all(stores.map((one) => one.health()))).every(({ ready }) => ready), {
          what: "both processes to be ready",
          timeoutMs: 20_000,
        });
      }
      await outage.expectRecovered();
    },
    60_000,
  );
});

describe.each(STAGES)("%s, neither store in reach", (strategy) => {
  it("refuses writes or calls them unknown, fails reads instead of missing, and goes on where it was", async () => {
    pair = await openPair();
    const past = new Past(pair);
    const store = await pair.open(strategy, { deadlines: { read: 300, write: 600, mirror: 200 } });
    await untilAuthority(store, authorityOf(strategy));
    await ledgers(store).put("kept", ledger("first"));
    await drained(store);
    await Promise.all([pair.redisProxy.setMode("refuse"), pair.databaseProxy.setMode("refuse")]);
    const refused = await append(store, "kept", "second").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DualWriteError);
    expect(refused).toMatchObject({ retryable: true, operationId: "second" });
    expect(await ledgers(store).read("kept")).toMatchObject({ kind: "error" });
    expect(await ledgers(store).read("never")).toMatchObject({ kind: "error" });
    await expect(store.usage.stats({ userId: "nobody" })).rejects.toBeInstanceOf(DualWriteError);
    expect((await store.health()).ready).toBe(false);
    await untilHealed(pair, store);
    await append(store, "kept", "second");
    await drained(store);
    await past.expectRecord("kept", ledger("first", "second"));
    await past.end();
  });
});
