/**
 * Between the names that callers use (camelCase) and those that stand in legacy values (snake_case).
 *
 * Known fields are checked where they are written and never where they are read; unknown ones pass as they are.
 */
import { isDeepStrictEqual } from "node:util";
import { type Issue, ValidationError } from "../errors.js";
import { formatLegacyDate, parseLegacyDate } from "./legacy-dates.js";
import type { LegacyObject } from "./legacy-object.js";

/** Says what is wrong with a value, null if nothing. */
export type FieldCheck = (value: unknown) => string | null;

/** A known field: its name in legacy values, and its check. null and undefined need none. */
export interface Field {
  readonly stored: string;
  readonly check: FieldCheck;
}

/** The known fields by the names that callers use. */
export type Fields = Readonly<Record<string, Field>>;

export const isText: FieldCheck = (value) => (typeof value === "string" ? null : "a text is expected");
export const isFlag: FieldCheck = (value) => (typeof value === "boolean" ? null : "true or false is expected");
export const isTexts: FieldCheck = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? null : "an array of texts is expected";
/** A Date was formatted before it came here. */
export const isDate: FieldCheck = (value) =>
  parseLegacyDate(value) ? null : "a Date or an ISO date-time such as 2026-11-20T09:30:00 is expected";
export const isWholeNumber =
  (least: number, most = 2_147_483_647): FieldCheck =>
  (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? null
      : `a whole number from ${least} to ${most} is expected`;

/**
 * What callers give, as it is to be stored: known fields under their legacy names, Dates as legacy date-times, undefined
 * left out.
 * @throws ValidationError naming each field that is wrong, or given under both of its names with different values.
 */
export function toStored(input: LegacyObject, fields: Fields, zone: string): Record<string, unknown> {
  const issues: Issue[] = [];
  const checks = new Map(Object.values(fields).map((field) => [field.stored, field.check]));
  const stored = new Map<string, unknown>();
  for (const [given, raw] of Object.entries(input)) {
    if (raw === undefined) continue;
    const name = fieldOf(fields, given)?.stored ?? given;
    const value = raw instanceof Date ? dateText(raw, zone) : raw;
    const issue = value === null ? null : (checks.get(name)?.(value) ?? null);
    if (issue !== null) issues.push({ path: given, message: issue });
    else if (stored.has(name) && !isDeepStrictEqual(stored.get(name), value)) {
      issues.push({ path: given, message: "given under both of its names, with different values" });
    }
    stored.set(name, value);
  }
  if (issues.length > 0) throw new ValidationError(issues);
  // fromEntries and not assignment: a key may be `__proto__`.
  return Object.fromEntries(stored);
}

/** Not text where the Date can't be written: the field's check, or the codec, then refuses it by name. */
function dateText(date: Date, zone: string): string | Date {
  try {
    return formatLegacyDate(date, zone);
  } catch {
    return date;
  }
}

/** A stored value as callers see it. A field that stands under both of its names is shown by its legacy one. */
export function toView(stored: LegacyObject, fields: Fields): Record<string, unknown> {
  const shown = new Map<string, string>(Object.entries(fields).map(([name, field]) => [field.stored, name]));
  const shadowed = (name: string) => {
    const legacy = fieldOf(fields, name)?.stored;
    return legacy !== undefined && legacy !== name && Object.hasOwn(stored, legacy);
  };
  return Object.fromEntries(
    Object.entries(stored)
      .filter(([name]) => !shadowed(name))
      .map(([name, value]) => [shown.get(name) ?? name, value]),
  );
}

/**
 * Carries what changed between two views over to the stored value; everything else in it stays as it is.
 * @throws ValidationError as `toStored`
 */
export function applyChange(
  stored: LegacyObject,
  before: LegacyObject,
  after: LegacyObject,
  fields: Fields,
  zone: string,
): LegacyObject {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => !isDeepStrictEqual(before[name], after[name]));
  const written = toStored(Object.fromEntries(changed.map((name) => [name, after[name]])), fields, zone);
  const removed = new Set(
    changed.filter((name) => after[name] === undefined).map((name) => standingName(stored, name, fields)),
  );
  return { ...Object.fromEntries(Object.entries(stored).filter(([name]) => !removed.has(name))), ...written };
}

function standingName(stored: LegacyObject, name: string, fields: Fields): string {
  const legacy = fieldOf(fields, name)?.stored;
  return legacy !== undefined && Object.hasOwn(stored, legacy) ? legacy : name;
}

function fieldOf(fields: Fields, name: string): Field | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
