/** Names, types and values as SQL text: batches travel as arrays of text, so that one statement serves any number of rows. */
import { is } from "drizzle-orm";
import { PgArray, type PgColumn, PgEnumColumn, PgEnumObjectColumn } from "drizzle-orm/pg-core";

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An array literal, by hand: faster than the driver's arrays and than JSON. */
export function textArray(values: readonly (string | null)[]): string {
  if (values.length === 0) return "{}";
  // Nearly always nothing needs a backslash, which one look at all of them tells.
  if (!values.includes(null) && !/["\\]/.test(values.join())) return `{"${values.join('","')}"}`;
  return `{${values.map((value) => (value === null ? "NULL" : quoteElement(value))).join(",")}}`;
}

/** For elements that need no quotes: numbers. */
export function numberArray(values: readonly (number | null)[]): string {
  if (!values.includes(null)) return `{${values.join()}}`;
  return `{${values.map((value) => (value === null ? "NULL" : String(value))).join(",")}}`;
}

export function booleanArray(values: readonly boolean[]): string {
  return `{${values.map((value) => (value ? "t" : "f")).join(",")}}`;
}

/** For `decode(…, 'hex')`. */
export function hexArray(values: readonly (Buffer | null)[]): string {
  return `{${values.map((value) => (value === null ? "NULL" : value.length === 0 ? '""' : value.toString("hex"))).join(",")}}`;
}

function quoteElement(text: string): string {
  return /["\\]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : `"${text}"`;
}

/** The type to cast a text to; the assignment to the column then checks its length, which an explicit cast would cut. */
export function castType(column: PgColumn): string {
  if (is(column, PgEnumColumn) || is(column, PgEnumObjectColumn)) {
    const { enumName, schema } = column.enum;
    return schema ? `${quoteName(schema)}.${quoteName(enumName)}` : quoteName(enumName);
  }
  if (is(column, PgArray)) return `${castType(column.baseColumn as PgColumn)}[]`;
  const type = column.getSQLType();
  const unlimited = Object.entries(UNLIMITED).find(([name]) => type === name || type.startsWith(`${name}(`));
  return unlimited ? unlimited[1] : type;
}

const UNLIMITED: Readonly<Record<string, string>> = {
  varchar: "varchar",
  "character varying": "varchar",
  char: "bpchar",
  character: "bpchar",
  bit: "varbit",
  serial: "integer",
  bigserial: "bigint",
  smallserial: "smallint",
};

/** Makes of a column's values the text that its type reads; null for none. */
export function encoderOf(column: PgColumn): (value: unknown) => string | null {
  const isJson = /^jsonb?$/.test(column.getSQLType());
  return (value) => {
    if (value === null || value === undefined) return null;
    const text = driverText(column.mapToDriverValue(value));
    return isJson ? storableJson(text) : text.replaceAll("\0", "\ufffd");
  };
}

function driverText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return arrayText(value);
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return String(value);
}

function arrayText(values: readonly unknown[]): string {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return "NULL";
    return Array.isArray(value) ? arrayText(value) : quoteElement(driverText(value));
  });
  return `{${elements.join(",")}}`;
}

// Postgres stores neither U+0000 nor half a surrogate pair, and the typed columns are a view of the value; its own bytes stand
// beside them unchanged. JSON.stringify escapes both, and whole pairs it doesn't escape.
function storableJson(json: string): string {
  // Nearly always there is neither.
  if (!/\\u(?:0000|d[89a-f])/.test(json)) return json;
  return json.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped) => (escaped.length > 2 ? "\\ufffd" : escaped));
}
