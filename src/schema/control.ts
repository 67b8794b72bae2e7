/** The library's own tables: fence, repair log, leases, and what the migration keeps of its runs. */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";

const bytea = customType<{ data: Buffer; driverData: Buffer }>({
  dataType: () => "bytea",
});

const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
const identity = () => bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity();

/** What Postgres holds of the present term: one row. Changed only by the `dual_write_*` functions, which lock against writes in flight. */
export const dualWriteFence = pgTable(
  "dual_write_fence",
  {
    id: smallint("id").primaryKey().default(1),
    term: bigint("term", { mode: "number" }).notNull(),
    role: text("role", { enum: ["authority", "closed", "mirror"] }).notNull(),
    redisGivenUp: boolean("redis_given_up").notNull().default(false),
    /** A collection is complete if it is named in `complete`, or if `complete_all` and it isn't named in `incomplete`. */
    completeAll: boolean("complete_all").notNull().default(false),
    complete: text("complete").array().notNull().default([]),
    incomplete: text("incomplete").array().notNull().default([]),
  },
  (table) => [
    check("dual_write_fence_one_row", sql`${table.id} = 1`),
    check("dual_write_fence_role", sql`${table.role} in ('authority', 'closed', 'mirror')`),
  ],
);

/** The repair log: records that Redis may lack, each with the greatest stamp it was given. */
export const dualWriteLog = pgTable(
  "dual_write_log",
  {
    collection: text("collection").notNull(),
    recordId: text("record_id").notNull(),
    stamp: bigint("stamp", { mode: "number" }).notNull(),
    /** When the stamp was logged, by the server's clock: a stamp pushed above another server's may be ahead of it. */
    loggedAt: moment("logged_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: "dual_write_log_pkey", columns: [table.collection, table.recordId] }),
    index("dual_write_log_oldest").on(table.collection, table.stamp),
  ],
);

/** Collections whose repair log was full: entries were left out, Redis needs a full copy. */
export const dualWriteLogOverflow = pgTable("dual_write_log_overflow", {
  collection: text("collection").primaryKey(),
  since: moment("since").notNull().defaultNow(),
});

/** The fleet's live processes. */
export const dualWriteLeases = pgTable("dual_write_leases", {
  processId: text("process_id").primaryKey(),
  strategy: text("strategy").notNull(),
  stage: smallint("stage").notNull(),
  host: text("host").notNull(),
  pid: integer("pid").notNull(),
  expiresAt: moment("expires_at").notNull(),
});

/** What was set aside: values that aren't what their collection allows. */
export const dualWriteRejects = pgTable(
  "dual_write_rejects",
  {
    id: identity(),
    collection: text("collection").notNull(),
    key: text("key").notNull(),
    reason: text("reason").notNull(),
    value: bytea("value"),
    source: text("source").notNull(),
    firstSeen: moment("first_seen").notNull().defaultNow(),
    attempts: integer("attempts").notNull().default(1),
    /** Of the state that was refused; 0: it was never stamped. */
    stamp: bigint("stamp", { mode: "number" }).notNull().default(0),
  },
  (table) => [unique("dual_write_rejects_key").on(table.collection, table.key)],
);

/** Each backfill, its place and its counts, so that it can be resumed. */
export const dualWriteBackfillRuns = pgTable("dual_write_backfill_runs", {
  id: uuid("id").primaryKey(),
  direction: text("direction").notNull(),
  startedAt: moment("started_at").notNull().defaultNow(),
  finishedAt: moment("finished_at"),
  state: text("state").notNull(),
  cursor: jsonb("cursor"),
  counts: jsonb("counts"),
  /** Identity of the Redis server it read: a cursor is worthless on another one. */
  server: text("server"),
  plan: jsonb("plan"),
});

/** Each comparison of a collection in both stores. */
export const dualWriteVerifyRuns = pgTable(
  "dual_write_verify_runs",
  {
    id: identity(),
    startedAt: moment("started_at").notNull().defaultNow(),
    finishedAt: moment("finished_at"),
    collection: text("collection").notNull(),
    compared: bigint("compared", { mode: "number" }).notNull().default(0),
    differences: jsonb("differences"),
    clean: boolean("clean"),
  },
  (table) => [index("dual_write_verify_runs_collection").on(table.collection, table.startedAt)],
);

/** Differences found while traffic went on. Keys are hashed. */
export const dualWriteDivergence = pgTable(
  "dual_write_divergence",
  {
    id: identity(),
    at: moment("at").notNull().defaultNow(),
    kind: text("kind").notNull(),
    collection: text("collection").notNull(),
    keyHash: text("key_hash").notNull(),
    redisStamp: bigint("redis_stamp", { mode: "number" }),
    postgresStamp: bigint("postgres_stamp", { mode: "number" }),
  },
  (table) => [index("dual_write_divergence_collection").on(table.collection, table.at)],
);

/** Who moved the fleet, when and why. */
export const dualWriteDecisions = pgTable("dual_write_decisions", {
  id: identity(),
  at: moment("at").notNull().defaultNow(),
  what: text("what").notNull(),
  strategy: text("strategy"),
  reason: text("reason"),
  forced: boolean("forced").notNull().default(false),
  process: text("process").notNull(),
});
