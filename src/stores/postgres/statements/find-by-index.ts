/** Ids of the live records whose index column has a value, newest first, with the fence of the same snapshot. */
import type { RecordCollection } from "../../collection.js";
import type { Fence } from "../../store.js";
import type { PostgresConnection, Row } from "../connection.js";
import { castType, quoteName } from "../sql-text.js";
import { statement, type TableLayout, tableLayout } from "../table-layout.js";
import { FENCE_COLUMNS, fenceOf, wholeSql } from "./gate.js";
import { liveSql } from "./record-row.js";

export async function findByIndex(
  connection: PostgresConnection,
  collection: RecordCollection,
  index: string,
  value: string,
): Promise<{ fence: Fence | null; ids: string[]; complete: boolean }> {
  const column = collection.indexes[index]?.column;
  if (!column) throw new Error(`The collection ${collection.name} has no index "${index}".`);
  const text = statement(tableLayout(collection), `find ${index}`, (layout) =>
    findSql(layout, quoteName(column.name), castType(column)),
  );
  const found = await connection.run(text, [value, collection.name]);
  const fence = fenceOf(found[0] as Row, 0);
  const ids = found.flatMap((row) => (row[FENCE_COLUMNS] === null ? [] : [row[FENCE_COLUMNS] as string]));
  return { fence, ids, complete: fence?.complete ?? false };
}

function findSql(layout: TableLayout, column: string, type: string): string {
  const { table, id, sync } = layout;
  return `SELECT f.term, f.role, ${wholeSql("f", "$2::text")}, f.redis_given_up, t.${id.name}::text
  FROM (VALUES (1)) one(row)
  LEFT JOIN dual_write_fence f ON f.id = one.row
  LEFT JOIN ${table} t ON t.${column} = $1::text::${type} AND ${liveSql(layout, "t", "clock_timestamp()")}
  ORDER BY t.${sync.syncStamp} DESC`;
}
