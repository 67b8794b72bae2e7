/** What a process holds in memory while its mirror is broken for long: what can't be told now is in the authority's log, not here. */
import { plainFigure } from "../figure.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import { residentMegabytes } from "../memory.js";
import type { Run } from "../run.js";
import { type BrokenMirror, healed, MODES } from "./broken-mirror.js";

const IN_FLIGHT = 64;
const STEPS = 10;
/** Of the steps: until then code is compiled and buffers find their size. */
const WARM = 4;
/** What the collector and the allocator leave lying about. */
const MEGABYTES = 10;

export async function benchMemory(run: Run, mirror: BrokenMirror): Promise<void> {
  if (!run.wants(`${mirror.name} memory`)) return;
  const operations = run.quick ? 20_000 : 200_000;
  for (const [mode, broken] of run.quick ? MODES.slice(0, 1) : MODES) {
    await mirror.proxy.setMode(broken);
    const held: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      await writes(mirror, operations / STEPS);
      held.push(residentMegabytes());
    }
    await healed(mirror);
    const warm = held[WARM - 1] as number;
    const heading = {
      bench: "mirror",
      name: `resident memory, mirror ${mirror.name} ${mode}`,
      against: null,
      at: `${operations.toLocaleString("en-US")} writes`,
      unit: "MB grown",
    };
    run.tell(plainFigure({ ...heading, aim: { atMost: MEGABYTES } }, [(held.at(-1) as number) - warm]));
  }
}

async function writes({ store }: BrokenMirror, count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      await store.collections.items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
