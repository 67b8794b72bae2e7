/** The time of a write while its mirror is broken, before and after the circuit opened, beside the same on a healthy mirror. */
import { derivedFigure } from "../figure.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import { Latencies } from "../latencies.js";
import type { Run } from "../run.js";
import { type BrokenMirror, healed, MODES } from "./broken-mirror.js";

const IN_FLIGHT = 16;
/** What timers and the answer after the deadline may add. Milliseconds. */
const TOLERANCE = 5;
const OPENS_WITHIN_MS = 20_000;

interface Turn {
  readonly healthy: number;
  readonly before: number;
  readonly after: number;
}

export async function benchLatency(run: Run, mirror: BrokenMirror): Promise<void> {
  const { name, deadline } = mirror;
  if (!run.wants(`${name} latency`)) return;
  await traffic(mirror, run.turns.ms, () => new Latencies());
  const turns = new Map<string, Turn[]>(MODES.map(([mode]) => [mode, []]));
  for (let turn = 0; turn < Math.ceil(run.turns.count / 2); turn++) {
    for (const [mode, broken] of MODES) turns.get(mode)?.push(await oneTurn(run, mirror, broken));
  }
  for (const [mode, seen] of turns) {
    const heading = { bench: "mirror", against: "healthy", unit: "ms, p99", at: `${IN_FLIGHT} in flight` };
    const above = (part: "before" | "after") =>
      seen.map((turn) => ({ ours: turn[part], theirs: turn.healthy, value: turn[part] - turn.healthy }));
    const title = `write, mirror ${name} ${mode}`;
    const atMost = deadline + TOLERANCE;
    run.tell(
      derivedFigure({ ...heading, name: `${title}, circuit closed`, aim: { atMost } }, "ms above", above("before")),
    );
    run.tell(
      derivedFigure({ ...heading, name: `${title}, circuit open`, aim: { atMost: 5 } }, "ms above", above("after")),
    );
  }
}

async function oneTurn(run: Run, mirror: BrokenMirror, broken: (typeof MODES)[number][1]): Promise<Turn> {
  const [healthy, before, after] = [new Latencies(), new Latencies(), new Latencies()];
  await traffic(mirror, run.turns.ms, () => healthy);
  let openedAt: number | null = null;
  const stopListening = mirror.store.on("mirrorFailure", ({ reason }) => {
    if (reason.includes("circuit")) openedAt ??= performance.now();
  });
  await mirror.proxy.setMode(broken);
  const began = performance.now();
  const end = () => (openedAt ?? began + OPENS_WITHIN_MS) + run.turns.ms;
  await traffic(mirror, end, () => (openedAt === null ? before : after));
  stopListening();
  if (openedAt === null) throw new Error(`the circuit to ${mirror.name} didn't open`);
  await healed(mirror);
  return { healthy: healthy.quantile(0.99), before: before.quantile(0.99), after: after.quantile(0.99) };
}

/** Writes for so long, or until that moment; each one's time goes where `into` says at its begin. */
async function traffic({ store }: BrokenMirror, length: number | (() => number), into: () => Latencies): Promise<void> {
  const until = typeof length === "number" ? performance.now() + length : null;
  const isOver = () => performance.now() >= (until ?? (length as () => number)());
  let next = 0;
  const worker = async () => {
    while (!isOver()) {
      const i = next++;
      const latencies = into();
      const began = performance.now();
      await store.collections.items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS });
      latencies.add(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
