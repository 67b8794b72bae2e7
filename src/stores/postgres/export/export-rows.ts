/**
 * The rows of every table of the database as of one moment, as an SQL script of COPY statements: what `pg_dump --data-only` would
 * write. `importRows` reads it back, and so does psql.
 */
import type { Sql } from "postgres";
import { type ExportedTable, exportedTables } from "./exported-tables.js";

export interface ExportedRows {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly rows: number;
}

const HEADER = `-- The rows of a database, by dual-write-store. Its tables must exist and be empty: \`dual-write restore\`, or psql, reads it.
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
BEGIN;
`;
/** Rows of the first fetch from a table; later ones follow the rows' length. */
const FIRST_FETCH = 50;
const MOST_ROWS = 5000;
/** Characters to fetch at once, about. */
const FETCH_LENGTH = 1 << 20;

/**
 * Bounded in memory. `sql` is a client of one connection, for this alone. `onTable` is told each table that came to its end.
 * @throws the server's error, also where row-level security would hide rows
 */
export async function* exportRows(
  sql: Sql,
  onTable: (table: ExportedRows) => void,
): AsyncGenerator<string, void, undefined> {
  await begin(sql);
  const tables = await exportedTables(sql);
  yield HEADER;
  let rows = 0;
  for (const table of tables) {
    const counted = { name: table.name, rows: 0 };
    yield `\nCOPY ${table.name} (${table.columns.map(({ name }) => name).join(", ")}) FROM stdin;\n`;
    for await (const lines of linesOf(sql, table)) {
      counted.rows += lines.length;
      yield lines.join("");
    }
    yield "\\.\n";
    rows += counted.rows;
    onTable(counted);
  }
  for (const { name, value } of await sequences(sql))
    yield `SELECT pg_catalog.setval(${literal(name)}, ${value}, true);\n`;
  yield `COMMIT;\n${completeLine(tables.length, rows)}\n`;
  await sql.unsafe("COMMIT");
}

/** The last line; a script without it was cut. */
export function completeLine(tables: number, rows: number): string {
  return `-- complete: ${tables} tables, ${rows} rows`;
}

/** All that is read afterwards on this one connection is of the same moment. */
async function begin(sql: Sql): Promise<void> {
  await sql.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  // As pg_dump: an error instead of missing rows.
  await sql.unsafe("SET LOCAL row_security = off");
  await sql.unsafe("SET LOCAL DateStyle = ISO");
  await sql.unsafe("SET LOCAL IntervalStyle = POSTGRES");
  await sql.unsafe("SET LOCAL extra_float_digits = 3");
}

/**
 * A table's rows as COPY would write them, some at a time. By a cursor: the driver leaves a connection paused for ever where
 * a COPY ends on a full buffer.
 */
async function* linesOf(sql: Sql, { name, columns }: ExportedTable): AsyncGenerator<string[], void, undefined> {
  const cells = columns.map((column) => `t.${column.name}::text`).join(", ");
  await sql.unsafe(`DECLARE dual_write_export NO SCROLL CURSOR FOR SELECT ${cells} FROM ONLY ${name} t`);
  for (let size = FIRST_FETCH; ; ) {
    const rows = await sql.unsafe(`FETCH ${size} FROM dual_write_export`).values();
    if (rows.length === 0) break;
    const lines = (rows as unknown as (string | null)[][]).map((row) => `${row.map(escaped).join("\t")}\n`);
    yield lines;
    const length = lines.reduce((sum, line) => sum + line.length, 0) / lines.length;
    size = Math.max(1, Math.min(size * 4, MOST_ROWS, Math.floor(FETCH_LENGTH / length)));
  }
  await sql.unsafe("CLOSE dual_write_export");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A cell of COPY's text format. */
function escaped(cell: string | null): string {
  return cell === null ? "\\N" : cell.replace(/[\\\b\f\n\r\t\v]/g, (letter) => ESCAPES[letter] as string);
}

/** Those that were used. Each is read itself: the catalog's view leaves out, without a word, those that the role may not read. */
async function sequences(sql: Sql): Promise<{ name: string; value: string }[]> {
  const names = await sql.unsafe<{ name: string }[]>(`
    SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences
    WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'information_schema' ORDER BY 1`);
  const used: { name: string; value: string }[] = [];
  for (const { name } of names) {
    const [row] = await sql.unsafe<{ value: string; called: boolean }[]>(
      `SELECT last_value::text AS value, is_called AS called FROM ${name}`,
    );
    if (row?.called) used.push({ name, value: row.value });
  }
  return used;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
