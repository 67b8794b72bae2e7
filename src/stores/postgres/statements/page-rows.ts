/** All rows of a collection in the order of their ids, a page at a time: also tombstones and what expired. */
import type { Collection } from "../../collection.js";
import type { PostgresConnection, Row } from "../connection.js";
import { statement, type TableLayout, tableLayout } from "../table-layout.js";
import { counterColumns } from "./counter-row.js";
import { wholeSql } from "./gate.js";
import { recordColumns } from "./record-row.js";

/** Before the row's columns: its id, whether the store is complete, and how many rows there were to take from. */
export const PAGED = { id: 0, whole: 1, rows: 2, row: 3 } as const;

/** Of records' values: no further row once a page holds so many. Bytes. */
const PAGE_BYTES = 2 * 1024 * 1024;

/**
 * One row more than the page holds tells that there is a next one; so do fewer rows than there were to take from, which is so where
 * their values are great.
 */
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
  const isRecord = kind === "records";
  const rows = `SELECT * FROM ${table} t ${goesOn ? `WHERE t.${id.name} > $3::text::${id.type}` : ""} ORDER BY t.${id.name} LIMIT $1::int`;
  return `SELECT t.${id.name}::text, coalesce((SELECT ${wholeSql("f", "$2::text")} FROM dual_write_fence f WHERE f.id = 1), false),
    ${isRecord ? `t.dual_write_rows, ${recordColumns(layout, "t")}` : `0, ${counterColumns(layout, "t")}`}
  FROM (${isRecord ? boundedSql(layout, rows) : rows}) t ORDER BY t.${id.name}`;
}

/** Lengths are read without the values. */
function boundedSql({ id, sync }: TableLayout, rows: string): string {
  return `SELECT * FROM (
    SELECT t.*, count(*) OVER ()::int AS dual_write_rows,
      sum(octet_length(t.${sync.syncOriginal})) OVER (ORDER BY t.${id.name} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS dual_write_before
    FROM (${rows}) t
  ) t WHERE coalesce(t.dual_write_before, 0) < ${PAGE_BYTES}`;
}
