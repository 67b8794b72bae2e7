/** Processes are killed at random moments: what they had acknowledged is there, and both stores agree once a fresh process drained. */
import { afterEach, describe, it } from "vitest";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, closeAll, drained, ledger, ledgers, openFleet, Past, STAGES } from "./support.js";
import { Writer } from "./writer.js";
import { expectWritersKept } from "./writers-kept.js";

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
    await expectWritersKept(past, killed);
    const { redis: counted } = await past.counter("shared");
    // Nothing half-done is left for the next: what was under way can be said again.
    const last = killed
      .flatMap((writer) => writer.acknowledged("count"))
      .sort((a, b) => a.ended - b.ended)
      .slice(-5);
    for (const { op } of last) await fresh.usage.track({ userId: "shared" }, { operationId: op });
    await past.expectCounter("shared", counted);
    await closeAll([fresh]);
  });
});
