/** The check that all legacy values pass: a JSON object. */
import type { ValueSchema } from "../engine/define-records.js";

/** A decoded legacy value, with its own snake_case names. */
export interface LegacyObject {
  readonly [field: string]: unknown;
}

export function isLegacyObject(value: unknown): value is LegacyObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Accepts objects only, and of these what `issue` finds nothing wrong with. */
export function objectSchema<T extends LegacyObject>(
  issue: (value: LegacyObject) => string | null = () => null,
): ValueSchema<T> {
  return {
    "~standard": {
      validate: (value) => {
        const message = isLegacyObject(value) ? issue(value) : `an object is expected, not ${nameOf(value)}`;
        return message === null ? { value } : { issues: [{ message }] };
      },
    },
  };
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return `a ${typeof value === "bigint" ? "number" : typeof value}`;
}
