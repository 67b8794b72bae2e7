/** One line for each use that was logged. */
import { index, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { syncColumns } from "./sync-columns.js";

export const usageLog = pgTable(
  "usage_log",
  {
    /** The record's id: `{ip}:{unix seconds, fractional}`. */
    id: text("id").primaryKey(),
    loggedAt: timestamp("logged_at", { withTimezone: true, precision: 3 }),
    ip: text("ip"),
    email: text("email"),
    /** As logged, `YYYY-MM-DD`. */
    date: text("date"),
    /** As logged, `YYYY-MM`. */
    month: text("month"),
    ...syncColumns(),
  },
  (table) => [
    index("usage_log_logged_at_idx").on(table.loggedAt),
    index("usage_log_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
