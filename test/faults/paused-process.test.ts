/** A process sleeps through a handover: awake again it works under the new authority, and neither writes nor reads under the old one. */
import { afterAll, describe, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, drained, ledger, ledgers, openFleet, otherThan, Past, untilAuthority } from "./support.js";
import { Writer } from "./writer.js";

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

// Both directions at once: each waits for a real lease to run out.
describe.concurrent.each([
  ["DUAL_WRITE", "POSTGRES_PRIMARY", "redis"],
  ["POSTGRES_PRIMARY", "DUAL_WRITE", "postgres"],
] as const)("asleep from %s to %s", (from, to, authority) => {
  it("loses no write, overwrites nothing newer and reads nothing older than what was acknowledged before", async ({
    expect,
  }) => {
    const pair = await openPair();
    ends.push(() => pair.end());
    const past = new Past(pair);
    ends.push(() => past.end());
    const [store] = (await openFleet(pair, [from], authority)) as [DualWriteStore];
    for (const id of ["shared", "watched"]) await ledgers(store).put(id, ledger("start"));
    const sleeper = await Writer.start(pair, "sleeper", from);
    ends.push(() => sleeper.kill());
    await waitFor(() => sleeper.acknowledged("append").length > 20 && sleeper.acknowledged("read").length > 20, {
      what: "the writer to be busy",
    });
    sleeper.signal("SIGSTOP");

    // The handover waits for the sleeper until its lease has run out.
    await store.setStrategy(to, { reason: "while another process sleeps" });
    await untilAuthority(store, otherThan(authority), 25_000);
    const appended = ["during-1", "during-2", "during-3"];
    for (const op of appended) await append(store, "shared", op);
    await ledgers(store).put("sleeper-own-0", ledger("newer"));
    // The old authority hears nothing more of the new one's writes: what stands there is stale for good.
    await (authority === "redis" ? pair.redisProxy : pair.databaseProxy).setMode("refuse");
    await append(store, "watched", "after-handover");
    await store.usage.track({ userId: "shared" }, { operationId: "during" });
    const newerAt = Date.now();
    const before = sleeper.lines.length;

    sleeper.signal("SIGCONT");
    const woken = () => sleeper.lines.slice(before).filter((line) => line.began > newerAt);
    await waitFor(
      () =>
        (["append", "put", "count", "read"] as const).every(
          (kind) => woken().filter((line) => line.kind === kind && line.ok).length > 5,
        ),
      {
        what: "the writer to work again",
      },
    );
    const reads = woken().filter((line) => line.kind === "read" && line.ok && !line.fallback);
    expect(reads.length).toBeGreaterThan(0);
    for (const read of reads) expect(read.ops).toEqual(["start", "after-handover"]);
    await sleeper.kill();

    await (authority === "redis" ? pair.redisProxy : pair.databaseProxy).setMode("pass");
    await waitFor(async () => (await store.health())[authority]?.circuit === "closed");
    await drained(store);
    const { redis, postgres } = await past.record("shared");
    expect(postgres.value).toEqual(redis.value);
    const stands = redis.value?.ops ?? [];
    expect(stands.filter((op) => op.startsWith("during-"))).toEqual(appended);
    const told = sleeper.acknowledged("append").map(({ op }) => op);
    const own = stands.filter((op) => op.startsWith("sleeper-"));
    expect(own.filter((op) => told.includes(op))).toEqual(told);
    // What failed may or may not have been applied, and the last may have been under way; nothing was applied twice.
    expect(new Set(own).size).toBe(own.length);
    const counted = sleeper.acknowledged("count").length + 1;
    const unsure = sleeper.lines.filter((line) => line.kind === "count" && !line.ok).length + 1;
    const sums = await past.counter("shared");
    expect(sums.postgres).toBe(sums.redis);
    expect(sums.redis).toBeGreaterThanOrEqual(counted);
    expect(sums.redis).toBeLessThanOrEqual(counted + unsure);
    for (const { id } of sleeper.acknowledged("delete")) await past.expectRecord(id as string, null);
  }, 60_000);
});
