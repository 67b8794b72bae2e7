/** Measures ways of doing one thing side by side: in turns within one run, so that what the machine does meanwhile meets all. */
import { type Aim, type Figure, ratioFigure } from "./figure.js";
import type { Turns } from "./run.js";

export interface Way {
  /** One operation; `i` counts up. */
  run(i: number): Promise<unknown>;
  /** After each turn, within its time: work that was put off. */
  settle?(): Promise<unknown>;
}

/** `inFlight` operations under way all the time. */
export async function closedLoop(
  way: Way,
  inFlight: number,
  ms: number,
  from: number,
): Promise<{ rate: number; next: number }> {
  let next = from;
  const began = performance.now();
  const until = began + ms;
  const worker = async () => {
    while (performance.now() < until) await way.run(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  await way.settle?.();
  return { rate: ((next - from) * 1000) / (performance.now() - began), next };
}

/** Operations a second: for each way one figure a turn. */
export async function inTurns(ways: readonly Way[], inFlight: number, turns: Turns): Promise<number[][]> {
  const next = ways.map(() => 0);
  const rates: number[][] = ways.map(() => []);
  for (let turn = -1; turn < turns.count; turn++) {
    for (const [n, way] of ways.entries()) {
      const done = await closedLoop(way, inFlight, turns.ms, next[n] as number);
      next[n] = done.next;
      // The first turn warms up.
      if (turn >= 0) rates[n]?.push(done.rate);
    }
  }
  return rates;
}

export interface Pair {
  readonly bench: string;
  readonly name: string;
  readonly ours: Way;
  readonly against: string;
  readonly theirs: Way;
  readonly inFlight: number;
  readonly aim: Aim | null;
}

export async function compare(pair: Pair, turns: Turns): Promise<Figure> {
  const { bench, name, ours, against, theirs, inFlight, aim } = pair;
  const [first, second] = (await inTurns([ours, theirs], inFlight, turns)) as [number[], number[]];
  return ratioFigure({ bench, name, against, at: `${inFlight} in flight`, unit: "a second", aim }, first, second);
}
