/** The typed columns of counters: which of them show what the counter stands at. */
import type { CounterCollection } from "../../collection.js";
import { type Cell, rowCells, type TableLayout } from "../table-layout.js";

export interface CounterCells {
  /** Places of the columns that aren't left to the database. */
  readonly present: readonly number[];
  /** Those of them that follow the sum. */
  readonly sums: readonly number[];
  /** Parallel to the counters; as they are if no row stands yet. */
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * The sum that an update leads to is known in SQL only. So each counter is also projected at 0 and at 1: a column that shows
 * exactly these shows the sum, and the statement computes it. What shows the sum of one counter isn't asked of the others.
 *
 * A call's increments happen together or not at all, so all rows share one statement: a column that only some rows leave to the
 * database is null in those.
 */
export function counterCells(
  collection: CounterCollection,
  layout: TableLayout,
  counters: readonly { readonly id: string; readonly sum: number }[],
): CounterCells {
  const cells = (id: string, sum: number) => rowCells(layout, id, collection.project(id, sum));
  const rows = counters.map(({ id, sum }) => cells(id, sum));
  const places = layout.columns.map((_, place) => place);
  const present = places.filter((place) => rows.some((row) => row[place] !== undefined));
  const sums = new Set<number>();
  for (const [n, { id, sum }] of counters.entries()) {
    const maybe = present.filter((place) => !sums.has(place) && rows[n]?.[place] === String(sum));
    if (maybe.length === 0) continue;
    const [zero, one] = [cells(id, 0), cells(id, 1)];
    for (const place of maybe) if (zero[place] === "0" && one[place] === "1") sums.add(place);
  }
  return { present, sums: [...sums].sort((a, b) => a - b), rows };
}
