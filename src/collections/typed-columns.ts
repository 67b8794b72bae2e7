/**
 * From a decoded legacy value to what a typed column can hold. Nothing here throws: what a column can't hold is null there,
 * and the original bytes beside it keep the truth.
 */
import { parseLegacyDate } from "./legacy-dates.js";

/** Longer identifiers are neither indexed nor found by; a B-tree entry holds about 2700 bytes. Characters. */
export const MAX_IDENTIFIER_LENGTH = 512;

const MAX_INTEGER = 2_147_483_647;

/** Postgres refuses U+0000 in text, and UTF-8 has no form for a lone surrogate. */
export function postgresText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\ufffd");
}

export function textColumn(value: unknown): string | null {
  return typeof value === "string" ? postgresText(value) : null;
}

/** A text or a whole number that names something; null where it can't be indexed. The same in both stores. */
export function identifier(value: unknown): string | null {
  const text = typeof value === "bigint" || Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== "string" || text === "" || text.length > MAX_IDENTIFIER_LENGTH) return null;
  return postgresText(text);
}

/** For an `integer` column. */
export function integerColumn(value: unknown): number | null {
  if (typeof value !== "number" || !Number.isInteger(value) || Math.abs(value) > MAX_INTEGER) return null;
  return value + 0; // Turns -0 into 0.
}

export function booleanColumn(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

/** For a `text[]` column: null unless all items are texts. */
export function textsColumn(value: unknown): string[] | null {
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) return null;
  return value.map(postgresText);
}

const FIRST_MOMENT = Date.parse("0001-01-01T00:00:00Z");
const LAST_MOMENT = Date.parse("9999-12-31T23:59:59.999Z");

/** For a `timestamptz` column. An offset may push a date out of the four-digit years, whose ISO form Postgres refuses. */
export function momentColumn(value: unknown, zone: string): Date | null {
  const moment = parseLegacyDate(value, zone);
  return moment !== null && moment.getTime() >= FIRST_MOMENT && moment.getTime() <= LAST_MOMENT ? moment : null;
}

/** For a `jsonb` column. Great integers become texts of their digits, since JSON.stringify refuses a bigint. */
export function jsonColumn(value: unknown): unknown {
  if (typeof value === "string") return postgresText(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(jsonColumn);
  if (typeof value === "object" && value !== null) {
    // fromEntries and not assignment: a key may be `__proto__`.
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [postgresText(key), jsonColumn(item)]));
  }
  return value ?? null;
}
