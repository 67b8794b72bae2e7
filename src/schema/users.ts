/** People who signed up, one row for each email address without regard to case. */
import { sql } from "drizzle-orm";
import { index, jsonb, pgTable, text, timestamp, uniqueIndex } from "drizzle-orm/pg-core";
import { syncColumns } from "./sync-columns.js";

export const users = pgTable(
  "users",
  {
    /** The record's id: the email trimmed and in lower case. */
    email: text("email").primaryKey(),
    /** The user's id. Not unique here: legacy sign-ups may share one, and a copy must never fail for it. */
    id: text("id"),
    subscribedAt: timestamp("subscribed_at", { withTimezone: true, precision: 3 }),
    source: text("source"),
    userAgent: text("user_agent"),
    referrer: text("referrer"),
    utmSource: text("utm_source"),
    role: text("role"),
    name: text("name"),
    /** Whatever else the sign-up form sent. */
    extra: jsonb("extra"),
    ...syncColumns(),
  },
  (table) => [
    // Holds also against rows that another program inserts without normalising the email.
    uniqueIndex("users_email_lower_key").on(sql`lower(${table.email})`),
    index("users_id_idx").on(table.id),
    index("users_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
