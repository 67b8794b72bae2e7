/** Operations that arrive when they arrive, at half of the saturated rate, timed from the moment at which each was due. */
import { OverloadedError } from "dual-write-store";
import { closedLoop, type Way } from "../compare.js";
import { byHand } from "../facade/by-hand.js";
import { derivedFigure, plainFigure } from "../figure.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import { Latencies } from "../latencies.js";
import type { Run } from "../run.js";
import type { BenchStore, Stage } from "../stage.js";

const SATURATING = 256;
/** Of the saturated rate. */
const SHARE = 0.5;
const AIM = 10;

export async function benchOpenLoop(run: Run, stage: Stage, store: BenchStore): Promise<void> {
  if (!run.wants("open loop")) return;
  const { ways, close } = byHand(stage);
  const { items } = store.collections;
  const operations: readonly [string, Way, Way][] = [
    [
      "write, DUAL_WRITE",
      { run: (i) => items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS }) },
      ways.setAndUpsert,
    ],
    ["read, Redis the authority", { run: (i) => items.get(idOf(i)) }, ways.get],
  ];
  try {
    for (const [name, ours, theirs] of operations) {
      const [own, bare] = [await timed(run, ours), await timed(run, theirs)];
      for (const [of, seen, aim] of [
        ["", own, AIM],
        [", by the bare clients", bare, null],
      ] as const) {
        const rate = Math.round(seen[0]?.rate ?? 0).toLocaleString("en-US");
        const heading = {
          bench: "limits",
          name: `open loop, ${name}${of}, p99`,
          against: "p50",
          at: `${rate} a second`,
        };
        run.tell(derivedFigure({ ...heading, unit: "ms", aim: aim === null ? null : { atMost: aim } }, "ratio", seen));
      }
      const late = {
        bench: "limits",
        name: `open loop, ${name}, p99.9`,
        against: null,
        at: "half the rate",
        unit: "ms",
      };
      run.tell(
        plainFigure(
          { ...late, aim: null },
          own.map(({ latest }) => latest),
        ),
      );
    }
  } finally {
    await close();
  }
}

interface Seen {
  readonly rate: number;
  /** p99, p50 and their ratio; milliseconds. */
  readonly ours: number;
  readonly theirs: number;
  readonly value: number;
  /** p99.9. */
  readonly latest: number;
}

async function timed(run: Run, way: Way): Promise<Seen[]> {
  await closedLoop(way, SATURATING, run.turns.ms, 0);
  const seen: Seen[] = [];
  for (let turn = 0; turn < run.turns.count; turn++) {
    // Anew for each turn: what a busy machine could do a while ago says little.
    const rate = (await closedLoop(way, SATURATING, run.turns.ms, 0)).rate * SHARE;
    const latencies = await openLoop(way, rate, run.turns.ms * 2);
    const [ours, theirs] = [latencies.quantile(0.99), latencies.quantile(0.5)];
    seen.push({ rate, ours, theirs, value: ours / theirs, latest: latencies.quantile(0.999) });
  }
  return seen;
}

/** Whoever is late begins late, and what was due meanwhile is due still: nothing is left out when everything stands. */
async function openLoop(way: Way, rate: number, ms: number): Promise<Latencies> {
  const latencies = new Latencies();
  const total = Math.floor((rate * ms) / 1000);
  const refused: number[] = [];
  const began = performance.now();
  let started = 0;
  let running = 0;
  await new Promise<void>((resolve, reject) => {
    const one = async (i: number) => {
      const dueAt = began + (i * 1000) / rate;
      try {
        await way.run(i);
        latencies.add(performance.now() - dueAt);
      } catch (error) {
        if (!(error instanceof OverloadedError)) throw error;
        refused.push(dueAt);
      }
      running--;
      if (started === total && running === 0) resolve();
    };
    const begin = () => {
      const due = Math.min(total, Math.floor(((performance.now() - began) * rate) / 1000) + 1);
      for (; started < due; running++) one(started++).catch(reject);
      // Timers are too coarse for what is due every few microseconds.
      if (started < total) setImmediate(begin);
    };
    begin();
  });
  // Nobody answered them sooner than that.
  for (const dueAt of refused) latencies.add(performance.now() - dueAt);
  return latencies;
}
