/** The two collections that the contract runs on, and the SQL that makes their tables. */
import { bigint, index, pgTable, text } from "drizzle-orm/pg-core";
import { type BoundCounters, defineCounters } from "../../src/engine/define-counters.js";
import { type BoundRecords, defineRecords } from "../../src/engine/define-records.js";
import { counterSyncColumns, syncColumns } from "../../src/schema/sync-columns.js";

export interface Item {
  readonly color?: string;
  readonly label?: string;
}

const contractItems = pgTable(
  "contract_items",
  { id: text("id").primaryKey(), color: text("color"), label: text("label"), ...syncColumns() },
  (table) => [index("contract_items_color").on(table.color)],
);

const contractCounts = pgTable("contract_counts", {
  id: text("id").primaryKey(),
  total: bigint("total", { mode: "number" }),
  ...counterSyncColumns(),
});

/** One statement each; run in order in an empty schema. */
export const CONTRACT_TABLES = [
  `CREATE TABLE contract_items (
    id text PRIMARY KEY, color text, label text,
    sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}',
    sync_original bytea
  )`,
  "CREATE INDEX contract_items_color ON contract_items (color)",
  `CREATE TABLE contract_counts (
    id text PRIMARY KEY, total bigint,
    sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}',
    sync_generation bigint NOT NULL DEFAULT 0, sync_redis_part bigint NOT NULL DEFAULT 0, sync_postgres_part bigint NOT NULL DEFAULT 0
  )`,
] as const;

const PREFIX = "contract:";

/** The set of red items. */
export const RED_SET = `${PREFIX}red`;
/** The set of all items, which lives for {@link ALL_SET_SECONDS} after each addition. */
export const ALL_SET = `${PREFIX}all`;
export const ALL_SET_SECONDS = 1000;

export const items: BoundRecords<Item> = defineRecords<Item>({
  name: "contract_items",
  redis: {
    key: (id, { prefix }) => `${prefix}item:${id}`,
    sets: (id, value, { prefix }) => [
      { key: `${prefix}red`, member: id, present: value?.color === "red" },
      { key: `${prefix}all`, member: id, present: value !== null, ttlSeconds: ALL_SET_SECONDS },
    ],
  },
  postgres: { table: contractItems },
  schema: { "~standard": { validate: checkItem } },
  indexes: { color: { column: contractItems.color, value: (value) => value.color ?? null } },
}).bind({ prefix: PREFIX });

export const counts: BoundCounters = defineCounters({
  name: "contract_counts",
  redis: { key: (id, { prefix }) => `${prefix}count:${id}` },
  postgres: { table: contractCounts, columns: (_id, sum) => ({ total: sum }) },
}).bind({ prefix: PREFIX });

function checkItem(value: unknown): unknown {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { value };
  return { issues: [{ message: "an item is an object" }] };
}

/** An item as another program would write it. */
export function item(color: string, label = ""): Buffer {
  return Buffer.from(`{"color": "${color}", "label": "${label}", "unknown": 12345678901234567890}`);
}
