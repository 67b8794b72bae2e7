/** The collection of people who signed up, by their email. */
import { createHash } from "node:crypto";
import { defineRecords, type RecordsDefinition } from "../engine/define-records.js";
import { escapeGlob, type KeyContext, restOfKey } from "../engine/key-pattern.js";
import { users } from "../schema/users.js";
import { isNormalisedEmail, normaliseEmail } from "./emails.js";
import { type LegacyObject, objectSchema } from "./legacy-object.js";
import { pythonJson } from "./python-json.js";
import { identifier, jsonColumn, momentColumn, textColumn } from "./typed-columns.js";

/** What a legacy sign-up key holds: these fields, and whatever else the form sent. */
export interface LegacySignUp extends LegacyObject {
  readonly subscribed_at?: unknown;
  readonly user_id?: unknown;
}

/** How long a sign-up, and the set of all emails since the last one, is kept: two years. Seconds. */
export const SIGN_UP_TTL_SECONDS = 63_072_000;

/** Fields of a sign-up with a column of their own; the rest goes to `extra`. */
const COLUMN_FIELDS = ["subscribed_at", "source", "user_agent", "referrer", "utm_source", "user_id", "role", "name"];

/** The email of a legacy sign-up key as it stands there; null for a key of something else. */
export function emailOfKey(key: string, prefix: string): string | null {
  return restOfKey(key, prefix, "email:") || null;
}

/**
 * A user's id: the sign-up's `user_id` or, for one that has none, a UUID made from the email, so that both stores and
 * every process name the same person alike without having to write anything.
 */
export function idOfUser(email: string, value: LegacyObject): string {
  return identifier(value.user_id) ?? derivedUserId(email);
}

/**
 * The first 16 bytes of the SHA-256 of the normalised email (UTF-8), with the marks of a version 8 UUID (RFC 9562, "custom").
 */
export function derivedUserId(email: string): string {
  const hash = createHash("sha256").update(normaliseEmail(email), "utf8").digest();
  hash[6] = ((hash[6] as number) & 0x0f) | 0x80;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  return hash.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Defines the collection `users`. Ids are normalised emails; values are the legacy sign-ups. */
export function usersCollection({ zone }: { readonly zone: string }): RecordsDefinition<LegacySignUp> {
  return defineRecords<LegacySignUp>({
    name: "users",
    priority: "high",
    redis: {
      key: (email, { prefix }) => `${prefix}email:${email}`,
      parse,
      pattern: ({ prefix }) => `${escapeGlob(prefix)}email:*`,
      examples: ["{ann@example.org}"],
      codec: pythonJson(),
      sets: (email, value, { prefix }) => [
        { key: `${prefix}emails:list`, member: email, present: value !== null, ttlSeconds: SIGN_UP_TTL_SECONDS },
      ],
    },
    postgres: { table: users, id: users.email, columns: (value, email) => columns(value, email, zone) },
    schema: objectSchema<LegacySignUp>(),
    indexes: { id: { column: users.id, value: (value, email) => idOfUser(email, value) } },
  });
}

/** A key for an email in another spelling is no record of its own: see variantOf. */
function parse(key: string, { prefix }: KeyContext): string | null {
  const email = emailOfKey(key, prefix);
  return email !== null && isNormalisedEmail(email) ? email : null;
}

function columns(value: LegacySignUp, email: string, zone: string): Record<string, unknown> {
  const extra = Object.entries(value).filter(([field]) => !COLUMN_FIELDS.includes(field));
  return {
    id: idOfUser(email, value),
    subscribedAt: momentColumn(value.subscribed_at, zone),
    source: textColumn(value.source),
    userAgent: textColumn(value.user_agent),
    referrer: textColumn(value.referrer),
    utmSource: textColumn(value.utm_source),
    role: textColumn(value.role),
    name: textColumn(value.name),
    extra: extra.length > 0 ? jsonColumn(Object.fromEntries(extra)) : null,
  };
}
