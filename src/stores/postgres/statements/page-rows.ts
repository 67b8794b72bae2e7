/** All rows of a collection in the order of their ids, a page at a time: also tombstones and what expired. */
import type { Collection } from "../../collection.js";
import type { PostgresConnection, Row } from "../connection.js";
import { statement, type TableLayout, tableLayout } from "../table-layout.js";
import { counterColumns } from "./counter-row.js";
import { wholeSql } from "./gate.js";
import { recordColumns } from "./record-row.js";

/** Before the row's columns: its id, and whether the store is complete. */
export const PAGED = { id: 0, whole: 1, row: 2 } as const;

/** One row more than the page holds tells that there is a next one. */
export function pageRows(
  connection: PostgresConnection,
  collection: Collection,
  after: string | null,
  limit: number,
): Promise<Row[]> {
  const name = after === null ? "first page" : "next page";
  const text = statement(tableLayout(collection), name, (layout) => pageSql(layout, collection.kind, after !== null));
  return connection.run(text, [limit + 1, collection.name, ...(after === null ? [] : [after])]);
}

function pageSql(layout: TableLayout, kind: Collection["kind"], goesOn: boolean): string {
  const { table, id } = layout;
  return `SELECT t.${id.name}::text, coalesce((SELECT ${wholeSql("f", "$2::text")} FROM dual_write_fence f WHERE f.id = 1), false),
    ${kind === "records" ? recordColumns(layout, "t") : counterColumns(layout, "t")}
  FROM ${table} t ${goesOn ? `WHERE t.${id.name} > $3::text::${id.type}` : ""}
  ORDER BY t.${id.name} LIMIT $1::int`;
}
