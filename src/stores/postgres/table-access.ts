/** Whether the tables that the library needs are there, whole, and open to the role that asks; and the SQL that opens them. */
import { is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import type { Sql } from "postgres";
import * as tables from "../../schema/tables.js";
import type { Collection } from "../collection.js";
import { quoteName } from "./sql-text.js";

export interface TableAccess {
  /** Quoted where needed, with its schema if the definition names one. */
  readonly table: string;
  readonly exists: boolean;
  readonly missingColumns: readonly string[];
  /** Of SELECT, INSERT, UPDATE and DELETE. */
  readonly missingRights: readonly string[];
}

const RIGHTS = ["SELECT", "INSERT", "UPDATE", "DELETE"];
const MIGRATIONS = { name: "dual_write_migrations", columns: [] as string[] };

/** The library's own tables and those of the collections, each once. */
export function neededTables(
  collections: readonly Collection[],
): { readonly name: string; readonly columns: string[] }[] {
  const own = Object.values(tables).filter((table) => is(table, PgTable)) as PgTable[];
  const needed = [...own, ...collections.map(({ table }) => table)].map((table) => {
    const { schema, name, columns } = getTableConfig(table);
    return {
      name: schema ? `${quoteName(schema)}.${quoteName(name)}` : plainName(name),
      columns: columns.map((column) => column.name),
    };
  });
  return [...new Map([...needed, MIGRATIONS].map((table) => [table.name, table])).values()];
}

function plainName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteName(name);
}

interface Row {
  readonly name: string;
  readonly exists: boolean;
  readonly columns: readonly string[];
  readonly rights: readonly string[];
}

export async function readTableAccess(sql: Sql, collections: readonly Collection[]): Promise<TableAccess[]> {
  const needed = neededTables(collections);
  const rights = RIGHTS.map((right) => `CASE WHEN has_table_privilege(c.oid, '${right}') THEN '${right}' END`).join(
    ", ",
  );
  const rows = await sql.unsafe<Row[]>(
    `SELECT n.name, c.oid IS NOT NULL AS exists, json_build_array(${rights}) AS rights,
       (SELECT coalesce(json_agg(a.attname), '[]') FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
     FROM jsonb_array_elements_text($1::text::jsonb) AS n(name) LEFT JOIN pg_class c ON c.oid = to_regclass(n.name)`,
    [JSON.stringify(needed.map(({ name }) => name))],
  );
  return rows.map((row) => {
    const columns = needed.find(({ name }) => name === row.name)?.columns ?? [];
    return {
      table: row.name,
      exists: row.exists,
      missingColumns: row.exists ? columns.filter((column) => !row.columns.includes(column)) : [],
      missingRights: row.exists ? RIGHTS.filter((right) => !row.rights.includes(right)) : [],
    };
  });
}

/**
 * Three roles to copy: one that backends use, one for the operator's commands, and one that changes the schema, used by
 * `migrate-schema` and `restore` alone.
 */
export function leastRoles(database: string, schema: string, collections: readonly Collection[]): string {
  const names = neededTables(collections).map(({ name }) => name);
  const connect = (role: string, rights: string) => [
    `GRANT CONNECT ON DATABASE ${quoteName(database)} TO ${role};`,
    `GRANT ${rights} ON SCHEMA ${quoteName(schema)} TO ${role};`,
  ];
  return [
    "-- For `dual-write migrate-schema`, which makes tables and functions and owns them, and for `dual-write restore`.",
    "CREATE ROLE dual_write_owner LOGIN PASSWORD 'PASSWORD';",
    ...connect("dual_write_owner", "USAGE, CREATE"),
    "-- For backends. To be run by the owner of the tables, after migrate-schema.",
    "CREATE ROLE dual_write LOGIN PASSWORD 'PASSWORD';",
    ...connect("dual_write", "USAGE"),
    `GRANT ${RIGHTS.join(", ")} ON ${names.join(", ")} TO dual_write;`,
    "-- For all other commands. It may read everything, since a backup holds all tables. To be run by a superuser; before Postgres 14",
    "-- grant SELECT on all tables and sequences instead of pg_read_all_data.",
    "CREATE ROLE dual_write_operator LOGIN PASSWORD 'PASSWORD';",
    "GRANT dual_write, pg_read_all_data TO dual_write_operator;",
  ].join("\n");
}
