/**
 * The figures of the legacy hash `usage:stats`, one row for each field: neither records nor counters of the engine, the
 * migration copies them.
 */
import { bigint, pgTable, primaryKey, text, timestamp } from "drizzle-orm/pg-core";

export const analyticsTimeseries = pgTable(
  "analytics_timeseries",
  {
    /** Such as `total_threads` or `threads`. */
    metric: text("metric").notNull(),
    /** `YYYY-MM-DD` or `YYYY-MM`; empty for a total. */
    bucket: text("bucket").notNull().default(""),
    value: bigint("value", { mode: "bigint" }).notNull(),
    /** The field's value as it stands in Redis. */
    original: text("original"),
    updatedAt: timestamp("updated_at", { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ name: "analytics_timeseries_pkey", columns: [table.metric, table.bucket] })],
);
