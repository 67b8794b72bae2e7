/** The process that moves the authority is killed between closing one store and opening the other: whoever comes next finishes it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, drained, ledger, ledgers, openFleet, Past } from "./support.js";
import { Writer } from "./writer.js";

let pair: Pair;
let past: Past;
const writers: Writer[] = [];

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => writer.kill()));
  await past?.end();
  await pair?.end();
});

/** As soon as either store is closed; the looks are as close to each other as the servers allow. */
async function untilClosed(): Promise<void> {
  await waitFor(
    async () => {
      const [fence, [row]] = await Promise.all([
        past.redis.get("dual-write:fence"),
        past.sql`select role from dual_write_fence`,
      ]);
      return fence?.includes(" closed ") || row?.role === "closed";
    },
    { what: "a store to be closed", everyMs: 0, timeoutMs: 30_000 },
  );
}

describe("a handover whose process is killed", () => {
  it("is finished by the next process: traffic goes on, nothing acknowledged is lost, nothing is applied twice", async () => {
    const [first] = (await openFleet(pair, ["DUAL_WRITE"], "redis")) as [DualWriteStore];
    await ledgers(first).put("shared", ledger());
    await first.close();
    for (let n = 0; n < 2; n++) {
      const writer = await Writer.start(pair, `f${n}`, "DUAL_WRITE", { flipTo: "POSTGRES_PRIMARY" });
      writers.push(writer);
      await waitFor(() => writer.acknowledged("append").length > 3 && writer.acknowledged("flip").length > n, {
        what: "the writer to be busy",
        timeoutMs: 30_000,
      });
      await untilClosed();
      await writer.kill();
      // As if the time of the dead had run out.
      await Promise.all([past.redis.del("dual-write:leases"), past.sql`delete from dual_write_leases`]);
    }
    const store = await pair.open("DUAL_WRITE");
    await waitFor(async () => (await store.health()).ready && (await store.health()).authority === "redis", {
      what: "the authority to be back in Redis",
      // A lease that the dead had under way may have come after the others were removed.
      timeoutMs: 25_000,
    });
    await append(store, "shared", "afterwards");
    await drained(store);
    const { redis, postgres } = await past.record("shared");
    expect(postgres.value).toEqual(redis.value);
    const stands = redis.value?.ops ?? [];
    expect(new Set(stands).size).toBe(stands.length);
    let counted = 0;
    for (const [n, writer] of writers.entries()) {
      const told = writer.acknowledged("append").map(({ op }) => op);
      expect(stands.filter((op) => op.startsWith(`f${n}-`)).slice(0, told.length)).toEqual(told);
      for (const { id } of writer.acknowledged("delete")) await past.expectRecord(id as string, null);
      counted += writer.acknowledged("count").length;
    }
    const sums = await past.counter("shared");
    expect(sums.postgres).toBe(sums.redis);
    expect(sums.redis).toBeGreaterThanOrEqual(counted);
    expect(sums.redis).toBeLessThanOrEqual(counted + writers.length);
  }, 60_000);
});
