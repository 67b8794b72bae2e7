/** What stands in a column that can't be null when its record was deleted. */
import { is } from "drizzle-orm";
import { getTableConfig, PgArray, type PgColumn, PgEnumColumn } from "drizzle-orm/pg-core";
import { castType } from "./sql-text.js";

const ZERO = "0";
const EPOCH = "1970-01-01 00:00:00+00";

/** By the first word of the type. */
const NEUTRAL: Readonly<Record<string, string>> = {
  smallint: ZERO,
  integer: ZERO,
  bigint: ZERO,
  numeric: ZERO,
  decimal: ZERO,
  real: ZERO,
  double: ZERO,
  boolean: "false",
  timestamp: EPOCH,
  date: EPOCH,
  time: "00:00:00+00",
  interval: ZERO,
  json: "null",
  jsonb: "null",
  uuid: "00000000-0000-0000-0000-000000000000",
  inet: "0.0.0.0",
  cidr: "0.0.0.0/32",
  macaddr: "00:00:00:00:00:00",
  macaddr8: "00:00:00:00:00:00:00:00",
  point: "(0,0)",
};

/** As the column's type reads it. Text types are empty, or unlike any other where the column is unique. */
export function neutralValue(column: PgColumn, id: string): string {
  if (is(column, PgArray)) return "{}";
  if (is(column, PgEnumColumn)) return column.enumValues[0] ?? "";
  const word = castType(column).split(/[ (]/, 1)[0] as string;
  const neutral = NEUTRAL[word];
  if (neutral !== undefined) return neutral;
  return isInUniqueIndex(column) ? `deleted:${id}` : "";
}

function isInUniqueIndex(column: PgColumn): boolean {
  if (column.isUnique) return true;
  const { indexes, uniqueConstraints } = getTableConfig(column.table);
  const unique = indexes.filter((index) => index.config.unique);
  // An index over an expression, such as lower(email), may be over this column.
  return (
    uniqueConstraints.some(({ columns }) => columns.some(({ name }) => name === column.name)) ||
    unique.some((index) => index.config.columns.some((part) => !("name" in part) || part.name === column.name))
  );
}
