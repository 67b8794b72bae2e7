/** How large the tables are, and how much of them is dead rows that vacuum hasn't cleared yet. */
import type { Sql } from "postgres";
import type { Collection } from "../collection.js";
import { neededTables } from "./table-access.js";

export interface TableSize {
  readonly table: string;
  /** With its indexes. */
  readonly bytes: number;
  /** Rows, about, as the server's statistics have them. */
  readonly rows: number;
  readonly deadRows: number;
  readonly vacuumedAt: Date | null;
}

/** Of the library's own tables and the collections', the largest first. */
export async function readTableSizes(sql: Sql, collections: readonly Collection[]): Promise<TableSize[]> {
  const names = neededTables(collections).map(({ name }) => name);
  const rows = await sql.unsafe<Record<string, unknown>[]>(
    `SELECT n.name, pg_total_relation_size(s.relid)::float8 AS bytes, s.n_live_tup::float8 AS rows, s.n_dead_tup::float8 AS dead,
       extract(epoch FROM greatest(s.last_vacuum, s.last_autovacuum))::float8 * 1000 AS vacuumed
     FROM jsonb_array_elements_text($1::text::jsonb) AS n(name) JOIN pg_stat_user_tables s ON s.relid = to_regclass(n.name)
     ORDER BY 2 DESC, 1`,
    [JSON.stringify(names)],
  );
  return rows.map((row) => ({
    table: String(row.name),
    bytes: Number(row.bytes),
    rows: Number(row.rows),
    deadRows: Number(row.dead),
    vacuumedAt: row.vacuumed === null ? null : new Date(Number(row.vacuumed)),
  }));
}
