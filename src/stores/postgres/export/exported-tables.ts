/** Which tables of a database an export holds, in an order in which their rows can be written. */
import type { Sql } from "postgres";

export interface ExportedTable {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

interface Row {
  readonly name: string;
  readonly columns: ExportedTable["columns"];
  readonly refers: readonly string[];
}

/**
 * All ordinary tables but the system's, those of extensions, and `dual_write_migrations`, which the migrations themselves write.
 * Types are named as the catalog does: a shorter name could cut values.
 */
export async function exportedTables(sql: Sql): Promise<ExportedTable[]> {
  const rows = await sql.unsafe<Row[]>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
      (SELECT json_agg(json_build_object('name', quote_ident(a.attname), 'type', format('%I.%I', tn.nspname, t.typname)) ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
      coalesce((SELECT json_agg(DISTINCT format('%I.%I', rn.nspname, r.relname)) FROM pg_constraint f
        JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid), '[]') AS refers
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND c.relname <> 'dual_write_migrations'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    ORDER BY 1`);
  return inOrder(rows.filter(({ columns }) => columns !== null));
}

/** Those that others refer to come first. Of tables that refer to each other in a ring none can. */
function inOrder(rows: readonly Row[]): ExportedTable[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const placed = new Set<Row>();
  const place = (row: Row | undefined, under: ReadonlySet<Row>): void => {
    if (!row || placed.has(row) || under.has(row)) return;
    for (const name of row.refers) place(byName.get(name), new Set([...under, row]));
    placed.add(row);
  };
  for (const row of rows) place(row, new Set());
  return [...placed].map(({ name, columns }) => ({ name, columns }));
}
