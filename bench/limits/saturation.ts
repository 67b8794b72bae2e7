/** Whether a store that was kept busy for long is as fast as a fresh one: the two take turns in the end. */
import { compare, type Way } from "../compare.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import type { Run } from "../run.js";
import { type BenchStore, moveTo, type Stage } from "../stage.js";

const IN_FLIGHT = 256;

/** `store` reigns at DUAL_WRITE, and at POSTGRES_PRIMARY afterwards. */
export async function benchSaturation(run: Run, stage: Stage, store: BenchStore): Promise<void> {
  if (!run.wants("saturation")) return;
  const operations = run.quick ? 30_000 : 500_000;
  const at = `after ${operations.toLocaleString("en-US")}`;
  const one = async (name: string, wayOf: (store: BenchStore) => Way) => {
    const strategy = store.strategy;
    const worn = await stage.open(strategy);
    const ours = wayOf(worn);
    await saturate(ours, operations);
    const fresh = await stage.open(strategy);
    const theirs = wayOf(fresh);
    const pair = { bench: "limits", name: `saturation ${at}, ${name}`, ours, against: "a fresh store", theirs };
    run.tell(await compare({ ...pair, inFlight: IN_FLIGHT, aim: { atLeast: 0.9 } }, run.turns));
    await Promise.all([worn.close(), fresh.close()]);
  };
  await one("write, DUAL_WRITE", put);
  await one("read, Redis the authority", get);
  await store.drain();
  await moveTo(store, ["POSTGRES_PRIMARY"]);
  await one("read, Postgres the authority", get);
}

const put = ({ collections: { items } }: BenchStore): Way => ({
  run: (i) => items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS }),
});

const get = ({ collections: { items } }: BenchStore): Way => ({
  run: async (i) => {
    if ((await items.get(idOf(i))) === null) throw new Error("a record is missing");
  },
});

async function saturate({ run }: Way, operations: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < operations) await run(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
