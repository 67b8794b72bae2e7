/** How long the repair takes for each entry, by how many there are: it has to stay the same. */
import { ratioFigure } from "../figure.js";
import { itemOf, TTL_MS } from "../items.js";
import type { Run } from "../run.js";
import { type BrokenMirror, healed } from "./broken-mirror.js";

const AT_ONCE = 500;

export async function benchRepair(run: Run, mirror: BrokenMirror): Promise<void> {
  if (!run.wants(`${mirror.name} repair`)) return;
  const sizes = run.quick ? [6000, 18_000] : [10_000, 30_000, 60_000];
  const micros = new Map<number, number[]>(sizes.map((entries) => [entries, []]));
  for (let turn = 0; turn < Math.ceil(run.turns.count / 2); turn++) {
    for (const entries of sizes) micros.get(entries)?.push(await microsPerEntry(mirror, entries));
  }
  const [smallest, ...greater] = sizes as [number, ...number[]];
  for (const entries of greater) {
    const heading = {
      bench: "mirror",
      name: "repair, time for each entry",
      against: `of ${smallest.toLocaleString("en-US")}`,
      at: `${entries.toLocaleString("en-US")} entries`,
      unit: "µs",
    };
    const figure = ratioFigure(
      { ...heading, aim: { atMost: 1.15 } },
      micros.get(entries) ?? [],
      micros.get(smallest) ?? [],
    );
    run.tell(figure);
  }
}

/** From the first batch that was worked off to the last: the first one waits for the mirror to be found. */
async function microsPerEntry(mirror: BrokenMirror, entries: number): Promise<number> {
  const { store, proxy } = mirror;
  const seen: { at: number; count: number }[] = [];
  await proxy.setMode("refuse");
  for (let from = 0; from < entries; from += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, (_, n) => from + n);
    await store.collections.items.putMany(
      some.map((i) => ({ id: `repair-${i}`, value: itemOf(i), expiresAt: Date.now() + TTL_MS })),
    );
  }
  const { repairLog } = await store.health();
  if (repairLog.entries !== entries) throw new Error(`${entries} writes left ${repairLog.entries} entries`);
  const stopListening = store.on("repair", ({ count }) => seen.push({ at: performance.now(), count }));
  await healed(mirror);
  stopListening();
  const repaired = seen.reduce((sum, { count }) => sum + count, 0);
  const [first, last] = [seen[0], seen.at(-1)];
  if (repaired < entries || !first || !last) throw new Error(`${repaired} of ${entries} entries were repaired`);
  if (first === last) throw new Error(`${entries} entries were repaired in one piece: the bench has to take more`);
  return ((last.at - first.at) * 1000) / (repaired - first.count);
}
