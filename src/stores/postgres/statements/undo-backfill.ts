/** Takes back the rows that a backfill inserted and that nothing has touched since. */
import type { Sql } from "postgres";
import type { Collection } from "../../collection.js";
import { textArray } from "../sql-text.js";
import { type TableLayout, tableLayout } from "../table-layout.js";
import { gateSql } from "./gate.js";

/** Blocks of a table, 8 KB each. */
export async function tableBlocks(sql: Sql, collection: Collection): Promise<number> {
  const [row] = await sql.unsafe<{ blocks: number }[]>(
    "SELECT ceil(pg_relation_size($1::regclass) / current_setting('block_size')::float8)::float8 AS blocks",
    [tableLayout(collection).table],
  );
  return row?.blocks ?? 0;
}

/**
 * Of the blocks from `from` up to `to`. A row that is being changed is waited for and then stays. Null: the fence isn't the
 * mirror's in `term` any more, and nothing was removed.
 */
export async function undoRows(
  sql: Sql,
  collection: Collection,
  {
    term,
    mark,
    from,
    to,
  }: { readonly term: number; readonly mark: string; readonly from: number; readonly to: number },
): Promise<number | null> {
  const [row] = await sql.unsafe<{ admitted: boolean; removed: number }[]>(
    undoSql(tableLayout(collection), collection),
    [term, collection.name, textArray([mark]), `(${from},0)`, `(${to},0)`],
  );
  return row?.admitted ? row.removed : null;
}

/** Rows are locked in the order in which the mirror's step writes them, so that neither waits for the other for ever. */
function undoSql({ table, id, sync }: TableLayout, { kind }: Collection): string {
  const isUntouched = (t: string) =>
    [
      `${t}.${sync.syncStamp} = 0`,
      `${t}.${sync.syncOperations} = $3::text::text[]`,
      kind === "counters" ? `${t}.${sync.syncGeneration} = 0` : `${t}.${sync.syncOriginal} IS NOT NULL`,
    ].join(" AND ");
  return `WITH ${gateSql("$1::bigint", false, "$2::text")},
  found AS MATERIALIZED (
    SELECT t.${id.name} AS key FROM gate g, ${table} t
    WHERE g.admitted AND g.role = 'mirror' AND t.ctid >= $4::text::tid AND t.ctid < $5::text::tid AND ${isUntouched("t")}
    ORDER BY t.${id.name}::text COLLATE "C" FOR UPDATE OF t
  ), removed AS (
    DELETE FROM ${table} t USING found f WHERE t.${id.name} = f.key AND ${isUntouched("t")} RETURNING 1
  ) SELECT g.admitted AND g.role = 'mirror' AS admitted, (SELECT count(*) FROM removed)::float8 AS removed FROM gate g`;
}

/** Lets the planner know what a copy of many rows changed. */
export async function analyze(sql: Sql, collection: Collection): Promise<void> {
  await sql.unsafe(`ANALYZE ${tableLayout(collection).table}`);
}
