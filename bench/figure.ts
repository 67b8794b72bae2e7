/** One measured figure, what is aimed at, and how both are shown. */

/** Exactly one bound. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number };

export interface Figure {
  readonly bench: string;
  /** What was done. */
  readonly name: string;
  /** The alternative beside it; null: the figure stands for itself. */
  readonly against: string | null;
  /** Under what circumstances, such as "64 in flight". */
  readonly at: string;
  /** Medians of the turns, in `unit`; `theirs` is null where there is no alternative. */
  readonly ours: number;
  readonly theirs: number | null;
  readonly unit: string;
  /** What is judged, with its spread over the turns: the ratio of the two, or what `measure` says. */
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
  /** Such as "ratio" or "ms above healthy". */
  readonly measure: string;
  /** Null: reported for comparison only. */
  readonly aim: Aim | null;
}

type Heading = Pick<Figure, "bench" | "name" | "against" | "at" | "unit" | "aim">;

/** Of two ways that took turns: each turn gives a ratio. */
export function ratioFigure(heading: Heading, ours: readonly number[], theirs: readonly number[]): Figure {
  const ratios = ours.map((one, turn) => one / (theirs[turn] as number));
  return {
    ...heading,
    ours: rounded(median(ours)),
    theirs: rounded(median(theirs)),
    ...spread(ratios),
    measure: "ratio",
  };
}

/** Of one way alone; `values` are in its unit, one for each turn. */
export function plainFigure(heading: Heading, values: readonly number[]): Figure {
  return { ...heading, ours: rounded(median(values)), theirs: null, ...spread(values), measure: heading.unit };
}

/** Of values that were worked out from the two, such as a difference. */
export function derivedFigure(
  heading: Heading,
  measure: string,
  turns: readonly { readonly ours: number; readonly theirs: number; readonly value: number }[],
): Figure {
  return {
    ...heading,
    ours: rounded(median(turns.map(({ ours }) => ours))),
    theirs: rounded(median(turns.map(({ theirs }) => theirs))),
    ...spread(turns.map(({ value }) => value)),
    measure,
  };
}

/** Null: there is no aim. */
export function isReached({ value, aim }: Figure): boolean | null {
  if (aim === null) return null;
  return "atLeast" in aim ? value >= aim.atLeast : value <= aim.atMost;
}

export const COLUMNS = ["what / against", "at", "ours / theirs", "median (lowest to highest)", "aim", ""] as const;
const WIDTHS = [72, 18, 32, 34, 10];

/** A line of a table on a terminal. */
export function line(cells: readonly string[]): string {
  return cells
    .map((cell, n) => cell.padEnd(WIDTHS[n] ?? 0))
    .join("  ")
    .trimEnd();
}

/** A row of a table in Markdown. */
export function markdown(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** One for each column. */
export function cells(figure: Figure): string[] {
  const { name, against, at, ours, theirs, unit, value, lowest, highest, measure, aim } = figure;
  const both = theirs === null ? shown(ours) : `${shown(ours)} / ${shown(theirs)}`;
  const what = measure === "ratio" || measure === unit ? "" : ` ${measure}`;
  const reached = isReached(figure);
  return [
    against === null ? name : `${name} / ${against}`,
    at,
    `${both} ${unit}`,
    `${shown(value)} (${shown(lowest)} to ${shown(highest)})${what}`,
    aim === null ? "" : "atLeast" in aim ? `≥ ${shown(aim.atLeast)}` : `≤ ${shown(aim.atMost)}`,
    reached === null ? "" : reached ? "reached" : "falls short",
  ];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function spread(values: readonly number[]): Pick<Figure, "value" | "lowest" | "highest"> {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new Error(`no figures: ${values.join(", ")}`);
  return {
    value: rounded(median(values)),
    lowest: rounded(Math.min(...values)),
    highest: rounded(Math.max(...values)),
  };
}

/** Two decimals, or three digits where there is more before the point. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}

function shown(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en-US") : value.toFixed(2);
}
