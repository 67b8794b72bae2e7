/** The columns by which a table keeps versioned states beside its typed columns. */
import { bigint, customType, text, timestamp } from "drizzle-orm/pg-core";

const bytea = customType<{ data: Buffer; driverData: Buffer }>({
  dataType: () => "bytea",
});

/** Shared by records and counters. */
const versionColumns = () => ({
  /** The version; see Stamp. 0: copied by a backfill and never written since. */
  syncStamp: bigint("sync_stamp", { mode: "number" }).notNull().default(0),
  /** The moment from which the row is a miss; null never. */
  syncExpiresAt: timestamp("sync_expires_at", { withTimezone: true, precision: 3 }),
  /** The last operation ids, oldest first. */
  syncOperations: text("sync_operations").array().notNull().default([]),
});

/**
 * Spread into the table of a record collection: `pgTable("coupons", { code: text().primaryKey(), ...syncColumns() })`.
 * A row whose `sync_original` is null is a tombstone: a deleted record, kept a while so that it can't come back.
 */
export const syncColumns = () => ({
  ...versionColumns(),
  /** The value's bytes as Redis has them; null is a tombstone. */
  syncOriginal: bytea("sync_original"),
});

/** Spread into the table of a counter collection. The counter stands at `sync_redis_part + sync_postgres_part`. */
export const counterSyncColumns = () => ({
  ...versionColumns(),
  syncGeneration: bigint("sync_generation", { mode: "number" }).notNull().default(0),
  syncRedisPart: bigint("sync_redis_part", { mode: "number" }).notNull().default(0),
  syncPostgresPart: bigint("sync_postgres_part", { mode: "number" }).notNull().default(0),
});

/** The property names that `syncColumns()` adds. */
export const SYNC_COLUMN_NAMES = ["syncStamp", "syncExpiresAt", "syncOperations", "syncOriginal"] as const;

/** The property names that `counterSyncColumns()` adds. */
export const COUNTER_SYNC_COLUMN_NAMES = [
  "syncStamp",
  "syncExpiresAt",
  "syncOperations",
  "syncGeneration",
  "syncRedisPart",
  "syncPostgresPart",
] as const;
