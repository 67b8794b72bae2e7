/** Two writers and two updaters on one key, in a fleet whose processes follow neighbouring strategies. */
import { afterEach, describe, expect, it } from "vitest";
import type { DualWriteStore, StrategyName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { append, authorityOf, type Ledger, ledger, ledgers, openFleet, Past, STAGES } from "./support.js";

let pair: Pair;
let past: Past;

async function fleet(strategies: readonly StrategyName[]): Promise<DualWriteStore[]> {
  pair = await openPair();
  past = new Past(pair);
  // While the stages are mixed, the authority is still the one of the earlier of the two.
  return openFleet(pair, strategies, authorityOf(strategies[0] as StrategyName));
}

afterEach(async () => {
  await past?.end();
  await pair?.end();
});

describe.each([
  [0, 1],
  [1, 2],
  [2, 3],
] as const)("stages %i and %i at once", (low, high) => {
  const strategies = [STAGES[low], STAGES[high]];

  it("lets every acknowledged update be an ancestor of the final value", async () => {
    const stores = await fleet(strategies);
    const id = "shared";
    await ledgers(stores[0] as DualWriteStore).put(id, ledger());
    const acknowledged: string[] = [];
    const update = async (store: DualWriteStore, name: string) => {
      for (let n = 0; n < 25; n++) {
        await append(store, id, `${name}-${n}`);
        acknowledged.push(`${name}-${n}`);
      }
    };
    // Two processes with two concurrent callers each.
    await Promise.all(stores.flatMap((store, i) => [update(store, `a${i}`), update(store, `b${i}`)]));
    await (stores[0] as DualWriteStore).drain();

    const { redis, postgres } = await past.record(id);
    expect([...(redis.value as Ledger).ops].sort()).toEqual([...acknowledged].sort());
    expect(postgres.value).toEqual(redis.value);
    // Each caller's own updates stand in the order in which it made them.
    for (const name of ["a0", "b0", "a1", "b1"]) {
      const own = redis.value?.ops.filter((op) => op.startsWith(`${name}-`));
      expect(own).toEqual(Array.from({ length: 25 }, (_, n) => `${name}-${n}`));
    }
  });

  it("lets an update be lost only to a put that replaced the value it belonged to", async () => {
    const stores = await fleet(strategies);
    const id = "replaced";
    // A put begins a list with its own name; an update extends the list that it finds.
    await ledgers(stores[0] as DualWriteStore).put(id, ledger("put-start"));
    const results: { readonly ops: readonly string[]; readonly began: number; readonly ended: number }[] = [];
    const timed = async (work: () => Promise<readonly string[]>) => {
      const began = performance.now();
      results.push({ ops: await work(), began, ended: performance.now() });
    };
    const put = (store: DualWriteStore, name: string) =>
      timed(async () => {
        await ledgers(store).put(id, ledger(`put-${name}`), { operationId: `put-${name}` });
        return [`put-${name}`];
      });
    const writers = stores.map(async (store, i) => {
      for (let n = 0; n < 12; n++) await put(store, `${i}-${n}`);
    });
    const updaters = stores.map(async (store, i) => {
      for (let n = 0; n < 25; n++) await timed(async () => ((await append(store, id, `up-${i}-${n}`)) as Ledger).ops);
    });
    await Promise.all([...writers, ...updaters]);
    await (stores[1] as DualWriteStore).drain();

    const { redis, postgres } = await past.record(id);
    expect(postgres.value).toEqual(redis.value);
    const final = (redis.value as Ledger).ops;
    for (const begun of new Set(results.map(({ ops }) => ops[0]))) {
      const members = results.filter(({ ops }) => ops[0] === begun);
      // Within one put's reign the results are one chain: no update overwrote another.
      const chain = members.map(({ ops }) => ops).sort((a, b) => a.length - b.length);
      for (const [n, ops] of chain.slice(1).entries()) expect(ops.slice(0, chain[n]?.length)).toEqual(chain[n]);
      if (begun === final[0]) for (const ops of chain) expect(final.slice(0, ops.length)).toEqual(ops);
      // Nothing was built on a value after another put of it had been acknowledged and the next one begun.
      const replacedBy = results.filter((one) => one.ops.length === 1 && one.ops[0] !== begun);
      const start = members.find(({ ops }) => ops.length === 1);
      for (const member of members) {
        const between = replacedBy.filter((one) => start && one.began > start.ended && one.ended < member.began);
        expect(
          between.map(({ ops }) => ops[0]),
          `${member.ops.join(" ")} was built on what had been replaced`,
        ).toEqual([]);
      }
    }
  });

  it("counts exactly, whoever counts", async () => {
    const stores = await fleet(strategies);
    const userId = `counted-${low}`;
    await Promise.all(
      stores.flatMap((store, i) =>
        Array.from({ length: 20 }, async (_, n) => {
          await store.usage.track({ userId }, { operationId: `c-${i}-${n}` });
          // The same operation through the other process counts no second time.
          await (stores[1 - i] as DualWriteStore).usage.track({ userId }, { operationId: `c-${i}-${n}` });
        }),
      ),
    );
    await (stores[0] as DualWriteStore).drain();
    await past.expectCounter(userId, 40);
    expect(await (stores[1] as DualWriteStore).usage.stats({ userId })).toEqual({ today: 40, thisMonth: 40 });
  });
});
