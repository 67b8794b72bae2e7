/** What is measured: records of some 200 bytes and counters, in the library's form and in the form that one writes by hand. */
import { boolean, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { defineRecords, syncColumns } from "dual-write-store";

export interface Item {
  readonly owner: string;
  readonly amount: number;
  readonly active: boolean;
  readonly note: string;
}

export const itemTable = pgTable("bench_items", {
  id: text("id").primaryKey(),
  owner: text("owner"),
  amount: integer("amount"),
  active: boolean("active"),
  ...syncColumns(),
});

/** The table that a backend without the library would have. */
export const plainTable = pgTable("plain_items", {
  id: text("id").primaryKey(),
  owner: text("owner"),
  amount: integer("amount"),
  active: boolean("active"),
  value: text("value"),
  expiresAt: timestamp("expires_at", { withTimezone: true, mode: "date" }),
});

export const CREATE_TABLES = `
CREATE TABLE bench_items (id text PRIMARY KEY, owner text, amount integer, active boolean,
  sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}', sync_original bytea);
CREATE TABLE plain_items (id text PRIMARY KEY, owner text, amount integer, active boolean, value text, expires_at timestamptz);
CREATE TABLE plain_counts (id text PRIMARY KEY, count bigint NOT NULL);
`;

export const items = defineRecords<Item>({
  name: "items",
  redis: { key: (id, { prefix }) => `${prefix}item:${id}` },
  postgres: { table: itemTable, columns: ({ owner, amount, active }) => ({ owner, amount, active }) },
});

/** Ids that the operations go round in. */
export const IDS = 20_000;
export const idOf = (i: number) => `item-${(i * 7919) % IDS}`;
export const itemOf = (i: number): Item => ({
  owner: `user-${i % 997}`,
  amount: i,
  active: i % 3 === 0,
  note: "x".repeat(120),
});
export const TTL_MS = 3_600_000;
