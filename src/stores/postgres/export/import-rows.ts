/** Reads the script of `exportRows` back into a database whose tables exist, all of it in one transaction or nothing. */
import type { Sql } from "postgres";
import { quoteName, textArray } from "../sql-text.js";
import { type ExportedTable, exportedTables } from "./exported-tables.js";

/** Rows of one statement, and about how many bytes of text. */
const ROWS = 1000;
const BYTES = 1 << 20;

export interface ImportOptions {
  /** Empties the tables that the script names first. */
  readonly replace: boolean;
  readonly onRows?: ((rows: number) => void) | undefined;
}

/** A script that can't be brought into this database. Nothing was changed. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** Which of these tables aren't there, and which hold rows. Names as an export gives them. */
export async function importObstacles(
  sql: Sql,
  names: readonly string[],
): Promise<{ missing: string[]; filled: string[] }> {
  const known = new Set((await exportedTables(sql)).map(({ name }) => name));
  const missing = names.filter((name) => !known.has(name));
  const filled: string[] = [];
  for (const name of names.filter((one) => known.has(one))) {
    const [row] = await sql.unsafe<{ filled: boolean }[]>(`SELECT EXISTS (SELECT FROM ${name}) AS filled`);
    if (row?.filled) filled.push(name);
  }
  return { missing, filled };
}

/**
 * `sql` is a client of one connection that is never made anew, for this alone. `lines` are the script's.
 * Rows go in by INSERT: a COPY that fails leaves the driver waiting for ever.
 * @throws ImportError; the server's error for a row that it refuses
 */
export async function importRows(
  sql: Sql,
  names: readonly string[],
  lines: AsyncIterable<Buffer>,
  { replace, onRows }: ImportOptions,
): Promise<number> {
  await sql.unsafe("BEGIN");
  await sql.unsafe("SET LOCAL DateStyle = ISO");
  const tables = new Map((await exportedTables(sql)).map((table) => [table.name, table]));
  if (replace && names.length > 0) await sql.unsafe(`TRUNCATE ${names.join(", ")}`);
  let rows = 0;
  let target: Target | null = null;
  const flush = async (waiting: Target) => {
    rows += await waiting.flush();
    onRows?.(rows);
  };
  for await (const bytes of lines) {
    const line = bytes.toString();
    if (target) {
      if (line === "\\.") {
        await flush(target);
        target = null;
      } else if (target.add(line)) await flush(target);
    } else if (line.startsWith("COPY ")) target = targetOf(sql, tables, line);
    else if (line.startsWith("SELECT pg_catalog.setval(")) await sql.unsafe(line);
  }
  if (target) throw new ImportError(`The script ends within the rows of ${target.name}.`);
  await sql.unsafe("COMMIT");
  return rows;
}

function targetOf(sql: Sql, tables: ReadonlyMap<string, ExportedTable>, line: string): Target {
  const [, name, list] = /^COPY (.+) \((.*)\) FROM stdin;$/.exec(line) ?? [];
  const table = tables.get(name as string);
  if (name === undefined || list === undefined || !table)
    throw new ImportError(`This database has no table for "${line.slice(0, 100)}".`);
  const names = splitNames(list);
  const types = names.map((column) => {
    const type = table.columns.find((one) => one.name === column)?.type;
    if (type === undefined) throw new ImportError(`The table ${name} has no column ${column}.`);
    return type;
  });
  return new Target(sql, name, names, types);
}

/** `a, "b, c"` → both names as they stand. */
function splitNames(list: string): string[] {
  return list.match(/"(?:[^"]|"")*"|[^", ]+/g) ?? [];
}

/** The rows of one table that wait for their statement. */
class Target {
  readonly name: string;
  readonly #sql: Sql;
  readonly #statement: string;
  readonly #cells: (string | null)[][];
  #bytes = 0;

  constructor(sql: Sql, name: string, columns: readonly string[], types: readonly string[]) {
    this.name = name;
    this.#sql = sql;
    this.#cells = columns.map(() => []);
    const aliases = columns.map((_, n) => quoteName(`c${n}`));
    this.#statement = `INSERT INTO ${name} (${columns.join(", ")}) OVERRIDING SYSTEM VALUE
      SELECT ${aliases.map((alias, n) => `i.${alias}::${types[n]}`).join(", ")}
      FROM unnest(${columns.map((_, n) => `$${n + 1}::text[]`).join(", ")}) AS i(${aliases.join(", ")})`;
  }

  /** True: there is enough for a statement. */
  add(line: string): boolean {
    const cells = line.split("\t");
    if (cells.length !== this.#cells.length)
      throw new ImportError(`A row of ${this.name} has ${cells.length} columns instead of ${this.#cells.length}.`);
    for (const [n, cell] of cells.entries()) (this.#cells[n] as (string | null)[]).push(unescaped(cell));
    this.#bytes += line.length;
    return this.#bytes >= BYTES || (this.#cells[0] as unknown[]).length >= ROWS;
  }

  /** Returns how many rows were written. */
  async flush(): Promise<number> {
    const rows = this.#cells[0]?.length ?? 0;
    if (rows === 0) return 0;
    const parameters = this.#cells.map((column) => textArray(column));
    for (const column of this.#cells) column.length = 0;
    this.#bytes = 0;
    await this.#sql.unsafe(this.#statement, parameters, { prepare: true });
    return rows;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** A cell of COPY's text format; null for `\N`. */
function unescaped(cell: string): string | null {
  if (cell === "\\N") return null;
  return cell.includes("\\") ? cell.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter) : cell;
}
