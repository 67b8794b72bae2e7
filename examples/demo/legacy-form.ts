/** Values and keys in the form in which the legacy programs write them. */
import { createHash } from "node:crypto";

export const KEY_PREFIX = "threadr:";

/** JSON text of its own, for what JavaScript's numbers can't hold. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What Python's `json.dumps(value)` writes. */
export function pythonDumps(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(pythonDumps).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, member]) => `${pythonDumps(name)}: ${pythonDumps(member)}`);
    return `{${members.join(", ")}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The forms in which date-times occur; most programs write the first. */
export const DATE_FORMS = ["isoformat", "with a blank", "without a fraction", "with an offset"] as const;
export type DateForm = (typeof DATE_FORMS)[number];

export function legacyDate(moment: number, form: DateForm = "isoformat"): string {
  const [seconds, fraction] = new Date(moment).toISOString().slice(0, -1).split(".") as [string, string];
  switch (form) {
    case "isoformat":
      return `${seconds}.${fraction}123`;
    case "with a blank":
      return `${seconds}.${fraction}123`.replace("T", " ");
    case "without a fraction":
      return seconds;
    case "with an offset":
      return `${new Date(moment + 3_600_000).toISOString().slice(0, -5)}+01:00`;
  }
}

/** The legacy key of a record or counter, as legacy-minded programs would build it. */
export function legacyKey(collection: string, id: string): string {
  switch (collection) {
    case "users":
      return `${KEY_PREFIX}email:${id}`;
    case "subscriptions":
      return `${KEY_PREFIX}${id.startsWith("user:") ? "subscription" : "premium"}:${id}`;
    case "usage":
      return `${KEY_PREFIX}usage:${id}`;
    case "usage_log":
      return `${KEY_PREFIX}usage:log:${id}`;
    case "threads":
      return `${KEY_PREFIX}cache:${id}`;
    case "user_sessions":
      return `${KEY_PREFIX}session:${id}`;
    default:
      throw new Error(`The legacy keyspace has no ${collection}.`);
  }
}

/** The counters of one subject: the day's and the month's, which rise together. */
export function usageIds(
  kind: "user" | "email" | "ip",
  subject: string,
  moment: number,
): [daily: string, monthly: string] {
  const day = new Date(moment).toISOString().slice(0, 10);
  return [`${kind}:${subject}:daily:${day}`, `${kind}:${subject}:monthly:${day.slice(0, 7)}`];
}

export function digestOf(bytes: string | Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}
