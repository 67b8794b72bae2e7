/** How the arrays among a statement's parameters become its rows. */

/** How many rows a statement is made for; each of the forms is prepared by itself. */
export type RowCount = 1 | 2 | "many";

export function rowCount(count: number): RowCount {
  return count === 1 || count === 2 ? count : "many";
}

/**
 * Rows of the arrays' elements, with their places from 1 on as the last column. The one or two that a quiet server gets at a time are
 * written out: the planner, told their number, makes one plan and keeps it, where for an unknown number that turns out small it would
 * plan anew each time (https://www.postgresql.org/docs/current/sql-prepare.html), and no function has to be set up for each array.
 */
export function rowsSql(arrays: readonly string[], count: RowCount): string {
  if (count === "many") return `unnest(${arrays.join(", ")}) WITH ORDINALITY`;
  const row = (place: number) => `(${[...arrays.map((array) => `(${array})[${place}]`), place].join(", ")})`;
  return `(VALUES ${[1, 2].slice(0, count).map(row).join(", ")})`;
}

/** All statements write, and so lock, in the order of the ids, or they would deadlock; one row needs no order. */
export function orderedById(alias: string, count: RowCount): string {
  return count === 1 ? "" : `ORDER BY ${alias}.id COLLATE "C"`;
}
