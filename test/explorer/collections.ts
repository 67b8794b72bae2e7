/** One collection of records, whose values list the operations they came from, and one of counters. */
import { bigint, pgTable, text } from "drizzle-orm/pg-core";
import { type BoundCounters, defineCounters } from "../../src/engine/define-counters.js";
import { type BoundRecords, defineRecords } from "../../src/engine/define-records.js";
import { counterSyncColumns, syncColumns } from "../../src/schema/sync-columns.js";

/** All that anything happens to. */
export const RECORD_IDS = ["a", "b"] as const;
export const COUNTER_IDS = ["m", "n", "t", "r"] as const;

/** The operations that made this value, each update after the one it was built on. */
export interface Lineage {
  readonly chain: readonly string[];
}

/** The set of the records whose last operation says so. */
export const MEMBERS = "members";
const MEMBER = "-in";

/** The name of an operation that puts its record into the set; any other takes it out. */
export function asMember(op: string): string {
  return op + MEMBER;
}

export function isMember(chain: readonly string[] | null): boolean {
  return chain?.at(-1)?.includes(MEMBER) ?? false;
}

const table = pgTable("explored", { id: text("id").primaryKey(), first: text("first"), ...syncColumns() });
const countersTable = pgTable("explored_counts", {
  id: text("id").primaryKey(),
  total: bigint("total", { mode: "number" }),
  ...counterSyncColumns(),
});

export const records: BoundRecords<Lineage> = defineRecords<Lineage>({
  name: "explored",
  indexes: { first: { column: table.first, value: ({ chain }) => chain[0] ?? null } },
  redis: {
    key: (id) => `record:${id}`,
    sets: (id, value) => [{ key: MEMBERS, member: id, present: isMember(value?.chain ?? null) }],
  },
  postgres: { table, columns: ({ chain }) => ({ first: chain[0] ?? null }) },
}).bind({ prefix: "" });

/** Counters that live for a time from their first increment on, or from the last one. */
const COUNTER_EXPIRY: Record<string, { readonly ttlMs: number; readonly renew: boolean }> = {
  t: { ttlMs: 500, renew: false },
  r: { ttlMs: 300, renew: true },
};

export const counters: BoundCounters = defineCounters({
  name: "explored_counts",
  redis: { key: (id) => `count:${id}` },
  expiry: (id) => COUNTER_EXPIRY[id] ?? null,
  postgres: { table: countersTable, columns: (_id, sum) => ({ total: sum }) },
}).bind({ prefix: "" });

export const collections = [records, counters] as const;

export function encode(chain: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify({ chain }));
}

export function chainOf(bytes: Buffer | null): readonly string[] | null {
  return bytes && (JSON.parse(bytes.toString()) as Lineage).chain;
}
