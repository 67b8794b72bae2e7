/** Processes are killed at random moments: what they had acknowledged is there, and both stores agree once a fresh process drained. */
import { afterEach, describe, expect, it } from "vitest";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, closeAll, drained, ledger, ledgers, openFleet, Past, STAGES } from "./support.js";
import { Writer } from "./writer.js";

const KILLS = 2;

let pair: Pair;
let past: Past;
const writers: Writer[] = [];

afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => writer.kill()));
  await past?.end();
  await pair?.end();
});

async function start(name: string, strategy: (typeof STAGES)[number]): Promise<Writer> {
  const writer = await Writer.start(pair, name, strategy);
  writers.push(writer);
  return writer;
}

describe.each(STAGES)("%s, processes killed", (strategy) => {
  it("keeps everything acknowledged, and both stores agree", async () => {
    pair = await openPair();
    past = new Past(pair);
    const [first] = await openFleet(pair, [strategy], authorityOf(strategy));
    if (!first) throw new Error("no store");
    await ledgers(first).put("shared", ledger());
    await first.close();

    // All at once, so that they are killed in the middle of each other's work, too.
    const killed = await Promise.all(
      Array.from({ length: KILLS }, async (_, n) => {
        const writer = await start(`w${n}`, strategy);
        await waitFor(
          () => (["append", "put", "delete", "count"] as const).every((kind) => writer.acknowledged(kind).length > 0),
          { what: "the writer to be busy" },
        );
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
        await writer.kill();
        return writer;
      }),
    );

    const [fresh] = await openFleet(pair, [strategy], authorityOf(strategy));
    if (!fresh) throw new Error("no store");
    await drained(fresh);
    const { redis, postgres } = await past.record("shared");
    expect(postgres.value).toEqual(redis.value);
    const stands = redis.value?.ops ?? [];
    expect(new Set(stands).size, "no update was applied twice").toBe(stands.length);
    for (const [n, writer] of killed.entries()) {
      expect(writer.lines.filter((line) => !line.ok)).toEqual([]);
      const appended = writer.acknowledged("append").map(({ op }) => op);
      expect(appended.length).toBeGreaterThan(0);
      const own = stands.filter((op) => op.startsWith(`w${n}-`));
      // One more may have been applied and not yet told.
      expect(own.slice(0, appended.length)).toEqual(appended);
      expect(own.length - appended.length).toBeLessThanOrEqual(1);
      for (const { id } of writer.acknowledged("delete")) await past.expectRecord(id as string, null);
      const puts = writer.acknowledged("put");
      for (let slot = 0; slot < 4; slot++) {
        const id = `w${n}-own-${slot}`;
        const last = puts.findLast((line) => line.id === id)?.op;
        const held = await past.record(id);
        expect(held.postgres.value, id).toEqual(held.redis.value);
        // The last one told, or the one under way when it was killed.
        const allowed = [last, `w${n}-put-${puts.length}`];
        if (last) expect(allowed).toContain(held.redis.value?.ops[0]);
      }
    }
    const counted = killed.reduce((sum, writer) => sum + writer.acknowledged("count").length, 0);
    const sums = await past.counter("shared");
    expect(sums.postgres).toBe(sums.redis);
    expect(sums.redis).toBeGreaterThanOrEqual(counted);
    expect(sums.redis).toBeLessThanOrEqual(counted + KILLS);
    // Nothing half-done is left for the next: what was under way can be said again.
    const last = killed
      .flatMap((writer) => writer.acknowledged("count"))
      .sort((a, b) => a.ended - b.ended)
      .slice(-5);
    for (const { op } of last) await fresh.usage.track({ userId: "shared" }, { operationId: op });
    await past.expectCounter("shared", sums.redis);
    await closeAll([fresh]);
  });
});
