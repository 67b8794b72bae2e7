/** A user's own table, which may get a constraint of its own, and a counter's. */
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { counterSyncColumns, defineCounters, defineRecords, syncColumns } from "../../src/index.js";

export interface Gadget {
  readonly size: number;
}

export const gadgetCollections = {
  gadgets: defineRecords<Gadget>({
    name: "gadgets",
    redis: { key: (id, { prefix }) => `${prefix}gadget:${id}` },
    postgres: {
      table: pgTable("gadgets", { id: text("id").primaryKey(), size: integer("size"), ...syncColumns() }),
    },
  }),
  clicks: defineCounters({
    name: "clicks",
    redis: { key: (id, { prefix }) => `${prefix}clicks:${id}` },
    postgres: { table: pgTable("clicks", { id: text("id").primaryKey(), ...counterSyncColumns() }) },
  }),
};

const SYNC =
  "sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}'";

export const GADGET_TABLES = [
  `CREATE TABLE gadgets (id text PRIMARY KEY, size integer, ${SYNC}, sync_original bytea)`,
  `CREATE TABLE clicks (id text PRIMARY KEY, ${SYNC}, sync_generation bigint NOT NULL DEFAULT 0, sync_redis_part bigint NOT NULL DEFAULT 0, sync_postgres_part bigint NOT NULL DEFAULT 0)`,
];
