/** The strategy flips through every stage and back while writers go on: nothing is refused, nothing lost, counters are exact. */
import { afterEach, describe, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { authorityOf, closeAll, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";
import { Traffic } from "./traffic.js";

const WALK = [1, 2, 3, 2, 1, 0].map((stage) => STAGES[stage] as (typeof STAGES)[number]);

// Time for a busy machine: what is asked here is that nothing is refused, not how fast it is served.
const deadlines = { read: 5000, write: 10_000 };

let pair: Pair;
let past: Past;

afterEach(async () => {
  await past?.end();
  await pair?.end();
});

async function begin(processes: number): Promise<Traffic> {
  pair = await openPair();
  past = new Past(pair);
  const stores: DualWriteStore[] = [];
  for (let i = 0; i < processes; i++) stores.push(await pair.open(STAGES[0], { deadlines }));
  await ledgers(stores[0] as DualWriteStore).put("shared", ledger());
  return new Traffic(stores);
}

describe("three processes under traffic", () => {
  it("lose and refuse nothing when each is replaced in turn, through every stage and back", async () => {
    const traffic = await begin(3);
    for (const strategy of WALK) {
      await traffic.some(40);
      for (const [slot, old] of traffic.slots.entries()) {
        traffic.slots[slot] = await pair.open(strategy, { deadlines });
        await old.close();
      }
      await untilAuthority(traffic.slots, authorityOf(strategy));
    }
    await traffic.some(40);
    await traffic.stop();
    await (traffic.slots[0] as DualWriteStore).drain();
    traffic.expectServed();
    await traffic.expectKept(past);
    await closeAll(traffic.slots);
  }, 60_000);

  it("lose and refuse nothing when each is told by setStrategy, through every stage and back", async () => {
    const traffic = await begin(2);
    for (const strategy of WALK) {
      await traffic.some(40);
      for (const store of traffic.slots) await store.setStrategy(strategy, { reason: "a rolling flip" });
      await untilAuthority(traffic.slots, authorityOf(strategy));
    }
    await traffic.some(40);
    await traffic.stop();
    await (traffic.slots[0] as DualWriteStore).drain();
    traffic.expectServed();
    await traffic.expectKept(past);
  }, 60_000);
});
