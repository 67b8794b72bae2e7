/** Measures two ways of doing one thing side by side: in turns within one run, as a ratio of medians with its spread. */

export interface Way {
  /** One operation; `i` counts up. */
  run(i: number): Promise<unknown>;
  /** After each turn, within its time: work that was put off. */
  settle?(): Promise<unknown>;
}

export interface Comparison {
  readonly name: string;
  readonly against: string;
  readonly inFlight: number;
  /** Operations a second, medians. */
  readonly ours: number;
  readonly theirs: number;
  /** Median, lowest and highest of the turns' ratios. */
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
  /** What is aimed at; null: nothing. */
  readonly aim: number | null;
}

export interface Turns {
  readonly count: number;
  readonly ms: number;
}

/** Operations a second with `inFlight` of them under way all the time. */
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

/** The two take turns, so that what the machine does meanwhile meets both. */
export async function compare(
  name: string,
  ours: Way,
  against: string,
  theirs: Way,
  inFlight: number,
  aim: number | null,
  turns: Turns,
): Promise<Comparison> {
  let a = 0;
  let b = 0;
  const rates: { ours: number; theirs: number }[] = [];
  for (let turn = -1; turn < turns.count; turn++) {
    const first = await closedLoop(ours, inFlight, turns.ms, a);
    const second = await closedLoop(theirs, inFlight, turns.ms, b);
    a = first.next;
    b = second.next;
    // The first turn warms up.
    if (turn >= 0) rates.push({ ours: first.rate, theirs: second.rate });
  }
  const ratios = rates.map((one) => one.ours / one.theirs);
  return {
    name,
    against,
    inFlight,
    ours: Math.round(median(rates.map((one) => one.ours))),
    theirs: Math.round(median(rates.map((one) => one.theirs))),
    ratio: rounded(median(ratios)),
    lowest: rounded(Math.min(...ratios)),
    highest: rounded(Math.max(...ratios)),
    aim,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
