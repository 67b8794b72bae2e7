/** Checks that a table can carry a collection, and finds its columns. */
import { getTableColumns, getTableName } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { ConfigurationError, type Issue } from "../errors.js";
import { SYNC_COLUMN_NAMES } from "../schema/sync-columns.js";

/** The column that holds the id. @throws ConfigurationError with everything that is wrong with the table */
export function checkTable(
  name: string,
  table: PgTable,
  id: PgColumn | undefined,
  required: readonly string[],
): PgColumn {
  const issues: Issue[] = [];
  const columns = getTableColumns(table) as Record<string, PgColumn>;
  const path = `collections.${name}`;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    issues.push({ path, message: "a name has 1 to 64 letters, digits, '_' or '-'" });
  }
  const missing = required.filter((column) => !(column in columns));
  if (missing.length > 0) {
    const spread = required === SYNC_COLUMN_NAMES ? "...syncColumns()" : "...counterSyncColumns()";
    issues.push({
      path: `${path}.postgres.table`,
      message: `table "${getTableName(table)}" lacks ${missing.join(", ")}; spread ${spread} into it`,
    });
  }
  const primary = Object.values(columns).filter((column) => column.primary);
  const idColumn = id ?? (primary.length === 1 ? primary[0] : undefined);
  if (!idColumn) {
    issues.push({
      path: `${path}.postgres.id`,
      message: `table "${getTableName(table)}" has no single primary-key column; name the column that holds the id`,
    });
  }
  for (const column of Object.values(columns)) {
    if (column !== idColumn && column.notNull && !column.hasDefault && column.isUnique) {
      issues.push({
        path: `${path}.postgres.table`,
        message: `column "${column.name}" is unique and not null, so a second tombstone couldn't be stored; make it nullable`,
      });
    }
  }
  if (issues.length > 0 || !idColumn) throw new ConfigurationError(issues);
  return idColumn;
}

/** The property names of the columns that are neither the id nor the library's. */
export function typedColumns(table: PgTable, idColumn: PgColumn, syncNames: readonly string[]): string[] {
  return Object.entries(getTableColumns(table) as Record<string, PgColumn>)
    .filter(([name, column]) => column !== idColumn && !syncNames.includes(name))
    .map(([name]) => name);
}
