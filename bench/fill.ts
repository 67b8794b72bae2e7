/** Every record that is measured, before it is measured. */
import { set, upsert } from "./facade/by-hand.js";
import { IDS, idOf, itemOf, TTL_MS } from "./items.js";
import type { BenchStore, Stage } from "./stage.js";

const AT_ONCE = 500;

/** In the library's form; both stores have it afterwards. */
export async function fillItems(store: BenchStore): Promise<void> {
  await inPieces((some) => {
    const entries = some.map((i) => ({ id: idOf(i), value: itemOf(i), expiresAt: Date.now() + TTL_MS }));
    return store.collections.items.putMany(entries, { deadline: 30_000 });
  });
  await store.drain();
}

/** In the form that one writes by hand. */
export async function fillPlain(stage: Stage): Promise<void> {
  await inPieces((some) => Promise.all(some.flatMap((i) => [set(stage, i), upsert(stage, i)])));
}

async function inPieces(fill: (some: readonly number[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < IDS; from += AT_ONCE) await fill(Array.from({ length: AT_ONCE }, (_, n) => from + n));
}
