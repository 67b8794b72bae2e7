/** How much was used: one counter for each person or address and each day and month. */
import { bigint, index, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { counterSyncColumns } from "./sync-columns.js";

export const usageTracking = pgTable(
  "usage_tracking",
  {
    /** The counter's id: `{subject_kind}:{subject}:{period}:{bucket}`. */
    id: text("id").primaryKey(),
    // Not null, unlike the typed columns of records: counters have no tombstones, and only so does the unique index below
    // hold on servers before Postgres 15, which count nulls as distinct.
    /** `user`, `email` or `ip`. */
    subjectKind: text("subject_kind").notNull(),
    subject: text("subject").notNull(),
    /** `daily` or `monthly`. */
    period: text("period").notNull(),
    /** `YYYY-MM-DD` for a day, `YYYY-MM` for a month, UTC. */
    bucket: text("bucket").notNull(),
    /** What the counter stands at: the sum of its parts, for people who read the table. */
    count: bigint("count", { mode: "number" }).notNull(),
    ...counterSyncColumns(),
  },
  (table) => [
    uniqueIndex("usage_tracking_subject_period_bucket_key").on(
      table.subjectKind,
      table.subject,
      table.period,
      table.bucket,
    ),
    index("usage_tracking_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
