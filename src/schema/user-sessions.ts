/** Sessions of users, found by their token. */
import { boolean, index, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { syncColumns } from "./sync-columns.js";

const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

export const userSessions = pgTable(
  "user_sessions",
  {
    /** The record's id: the token that stands in the key. */
    token: text("token").primaryKey(),
    userId: text("user_id"),
    /** The value's own `session_token`. */
    sessionToken: text("session_token"),
    refreshToken: text("refresh_token"),
    deviceId: text("device_id"),
    ipAddress: text("ip_address"),
    userAgent: text("user_agent"),
    deviceName: text("device_name"),
    isActive: boolean("is_active"),
    isRememberMe: boolean("is_remember_me"),
    createdAt: moment("created_at"),
    /** The value's own `expires_at`. */
    endsAt: moment("ends_at"),
    lastUsedAt: moment("last_used_at"),
    ...syncColumns(),
  },
  (table) => [
    index("user_sessions_user_id_idx").on(table.userId),
    index("user_sessions_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
