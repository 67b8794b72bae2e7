/** Which typed columns a statement names, and their values as parameters. */
import type { Parameter } from "../connection.js";
import { textArray } from "../sql-text.js";
import type { Cell } from "../table-layout.js";

/** The places of the columns that aren't left to the database. */
export function presentColumns(cells: readonly Cell[]): number[] {
  return cells.flatMap((cell, index) => (cell === undefined ? [] : [index]));
}

/** An array for each present column, from the rows' cells. */
export function transpose(present: readonly number[], rows: readonly (readonly Cell[])[]): Parameter[] {
  return present.map((index) => textArray(rows.map((cells) => cells[index] ?? null)));
}

/** Puts rows that name the same columns together, keeping their order; nearly always one group. */
export function groupByColumns<T extends { readonly cells: readonly Cell[] }>(rows: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = row.cells.includes(undefined) ? presentColumns(row.cells).join() : "";
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}
