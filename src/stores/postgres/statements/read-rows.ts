/** Reads rows by id, live or not, and the fence, in one snapshot: either the row is as the fence's authority left it, or the fence says so. */
import type { Collection } from "../../collection.js";
import type { Fence } from "../../store.js";
import type { PostgresConnection, Row } from "../connection.js";
import { afterWriting, refusalReason } from "../errors.js";
import { textArray } from "../sql-text.js";
import { statement, type TableLayout, tableLayout } from "../table-layout.js";
import { counterColumns } from "./counter-row.js";
import { readFence } from "./fence.js";
import { FENCE_COLUMNS, fenceOf, wholeSql } from "./gate.js";
import { liveSql, recordColumns } from "./record-row.js";

export interface ReadRows {
  readonly fence: Fence | null;
  /** Parallel to the ids; the row's columns begin at {@link ROW_AT}. Null for an id that no row can have. */
  readonly rows: readonly (Row | null)[];
}

/** After the fence's columns and the place. */
export const ROW_AT = FENCE_COLUMNS + 1;

export async function readRows(
  connection: PostgresConnection,
  collection: Collection,
  ids: readonly string[],
): Promise<ReadRows> {
  if (ids.length === 0) return { fence: await readFence(connection, collection.name), rows: [] };
  try {
    return await readTogether(connection, collection, ids);
  } catch (error) {
    // Such as a text that isn't a uuid, where ids are: it must not stop the others.
    if (refusalReason(error) === null) throw error;
  }
  if (ids.length === 1) return { fence: await readFence(connection, collection.name), rows: [null] };
  const middle = Math.ceil(ids.length / 2);
  const first = await readRows(connection, collection, ids.slice(0, middle));
  const second = await readRows(connection, collection, ids.slice(middle));
  // A fence that changed between the two is told as it was before: the caller then looks again.
  return { fence: first.fence, rows: [...first.rows, ...second.rows] };
}

/** Live values and the fence; undefined for all where one of the ids is none that a row can have. */
export async function readLiveValues(
  connection: PostgresConnection,
  collection: Collection,
  ids: readonly string[],
): Promise<{ fence: Fence | null; values: (Buffer | null | undefined)[] }> {
  const isOne = ids.length === 1;
  const text = statement(tableLayout(collection), isOne ? "value" : "values", (layout) => liveValuesSql(layout, isOne));
  const values = new Array<Buffer | null | undefined>(ids.length).fill(undefined);
  let fence: Fence | null = null;
  try {
    for (const row of await connection.run(text, [textArray(ids), collection.name])) {
      const place = Number(row[0]) - 1;
      values[place] = row[1] as Buffer | null;
      if (place === 0) fence = fenceOf(row, 2);
    }
  } catch (error) {
    if (refusalReason(error) === null) throw error;
  }
  return { fence, values };
}

/** The fence goes with the first row only. Of one id the planner is told that it is one, or it would plan for many, each time anew. */
function liveValuesSql(layout: TableLayout, isOne: boolean): string {
  return `SELECT i.n, CASE WHEN ${liveSql(layout, "t", "clock_timestamp()")} THEN t.${layout.sync.syncOriginal} END,
    f.term, f.role, ${wholeSql("f", "$2::text")}, f.redis_given_up
  FROM ${isOne ? "(SELECT u.id, 1 AS n FROM unnest($1::text[]) u(id) LIMIT 1)" : "unnest($1::text[]) WITH ORDINALITY"} i(id, n)
  LEFT JOIN ${layout.table} t ON t.${layout.id.name} = i.id::${layout.id.type}
  LEFT JOIN dual_write_fence f ON f.id = 1 AND i.n = 1`;
}

/** What stands where a statement wrote nothing, which its own snapshot may be too old to show. */
export async function readAgain(
  connection: PostgresConnection,
  collection: Collection,
  ids: readonly string[],
): Promise<ReadRows["rows"]> {
  return ids.length === 0 ? [] : afterWriting(async () => (await readRows(connection, collection, ids)).rows);
}

async function readTogether(
  connection: PostgresConnection,
  collection: Collection,
  ids: readonly string[],
): Promise<ReadRows> {
  const text = statement(tableLayout(collection), "read", (layout) => readRowsSql(layout, collection.kind));
  const found = await connection.run(text, [textArray(ids), collection.name]);
  const rows = new Array<Row | null>(ids.length).fill(null);
  for (const row of found) rows[Number(row[FENCE_COLUMNS]) - 1] = row;
  return { fence: fenceOf(found[0] as Row, 0), rows };
}

function readRowsSql(layout: TableLayout, kind: Collection["kind"]): string {
  return `SELECT f.term, f.role, ${wholeSql("f", "$2::text")}, f.redis_given_up, i.n,
    ${kind === "records" ? recordColumns(layout, "t") : counterColumns(layout, "t")}
  FROM unnest($1::text[]) WITH ORDINALITY i(id, n)
  LEFT JOIN ${layout.table} t ON t.${layout.id.name} = i.id::${layout.id.type}
  LEFT JOIN dual_write_fence f ON f.id = 1`;
}
