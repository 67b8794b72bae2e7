/** A store on a database of its own, with tables that show what columns can be like. */
import { sql as raw } from "drizzle-orm";
import {
  bigint,
  boolean,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  serial,
  text,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type BoundCounters, defineCounters } from "../../../src/engine/define-counters.js";
import { type BoundRecords, defineRecords } from "../../../src/engine/define-records.js";
import { applySchema } from "../../../src/schema/migrate.js";
import { counterSyncColumns, syncColumns } from "../../../src/schema/sync-columns.js";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import type { Fenced } from "../../../src/stores/store.js";
import { type FreshDatabase, freshDatabase } from "../../support/databases.js";

export interface Person {
  readonly email?: string;
  readonly age?: number;
  readonly [field: string]: unknown;
}

const mood = pgEnum("Mood", ["calm", "loud"]);

/** Not-null columns of many types, defaults of each kind, and a second unique column. */
const people = pgTable(
  "people",
  {
    number: serial("number").primaryKey(),
    id: varchar("id", { length: 40 }).notNull().unique(),
    email: text("email").notNull(),
    age: integer("age").notNull(),
    isAdult: boolean("is_adult").notNull(),
    mood: mood("mood").notNull(),
    tags: text("tags").array().notNull(),
    details: jsonb("details").notNull(),
    born: timestamp("born", { withTimezone: true, mode: "string" }).notNull(),
    role: text("role").notNull().default("member"),
    nickname: varchar("nickname", { length: 5 }),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
    ...syncColumns(),
  },
  (table) => [uniqueIndex("people_email").on(raw`lower(${table.email})`)],
);

const tickets = pgTable("tickets", { id: uuid("id").primaryKey(), ...syncColumns() });

const visits = pgTable("visits", {
  id: text("id").primaryKey(),
  label: text("label").notNull(),
  total: bigint("total", { mode: "number" }).notNull(),
  ...counterSyncColumns(),
});

const SYNC = `sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}'`;

const TABLES = `
  CREATE TYPE "Mood" AS ENUM ('calm', 'loud');
  CREATE TABLE people (
    number serial PRIMARY KEY, id varchar(40) NOT NULL UNIQUE, email text NOT NULL, age integer NOT NULL CHECK (age >= 0),
    is_adult boolean NOT NULL, mood "Mood" NOT NULL, tags text[] NOT NULL, details jsonb NOT NULL, born timestamptz NOT NULL,
    role text NOT NULL DEFAULT 'member', nickname varchar(5), created_at timestamptz NOT NULL DEFAULT now(), ${SYNC}, sync_original bytea);
  CREATE UNIQUE INDEX people_email ON people (lower(email));
  CREATE TABLE tickets (id uuid PRIMARY KEY, ${SYNC}, sync_original bytea);
  CREATE TABLE visits (
    id text PRIMARY KEY, label text NOT NULL, total bigint NOT NULL, ${SYNC},
    sync_generation bigint NOT NULL DEFAULT 0, sync_redis_part bigint NOT NULL DEFAULT 0, sync_postgres_part bigint NOT NULL DEFAULT 0)`;

const context = { prefix: "test:" };

export const peopleRecords: BoundRecords<Person> = defineRecords<Person>({
  name: "people",
  redis: { key: (id, { prefix }) => `${prefix}person:${id}` },
  postgres: {
    table: people,
    id: people.id,
    columns: (person, id) => ({
      email: person.email ?? `${id}@example.com`,
      age: person.age ?? 30,
      isAdult: (person.age ?? 30) >= 18,
      mood: "loud",
      tags: ["a,b", 'with "quotes" and \\', "", "NULL"],
      details: person,
      born: "2000-01-01T00:00:00Z",
      role: person.role,
      nickname: person.nickname,
      createdAt: person.createdAt,
    }),
  },
}).bind(context);

export const ticketRecords = defineRecords({
  name: "tickets",
  redis: { key: (id, { prefix }) => `${prefix}ticket:${id}` },
  postgres: { table: tickets },
}).bind(context);

export const visitCounters: BoundCounters = defineCounters({
  name: "visits",
  redis: { key: (id, { prefix }) => `${prefix}visits:${id}` },
  postgres: { table: visits, columns: (id, sum) => ({ label: `of ${id}`, total: sum }) },
}).bind(context);

export function person(fields: Person = {}): Buffer {
  return Buffer.from(JSON.stringify(fields));
}

let operations = 0;

/** An unconditional write without expiry, unless told otherwise. */
export function write(id: string, more: Partial<Parameters<PostgresStore["writeRecords"]>[2][number]> = {}) {
  return { id, bytes: person(), expiresAt: null, operationId: `operation-${++operations}`, ...more };
}

export function add(id: string, more: Partial<Parameters<PostgresStore["addToCounters"]>[2][number]> = {}) {
  return { id, by: 1, operationId: `operation-${++operations}`, ttlMs: null, renew: false, ...more };
}

/** The results of a step that must not have been refused. */
export function admitted<T>(answer: Fenced<T>): T[] {
  if (answer.fenced) throw new Error(`Refused by the fence ${JSON.stringify(answer.fence)}`);
  return answer.results;
}

export interface Fixture {
  readonly store: PostgresStore;
  /** A client that isn't the store's. */
  readonly sql: postgres.Sql;
  readonly url: string;
}

/** Before each test the tables are empty and Postgres is the complete authority in term 1. */
export function useStore(): () => Fixture {
  let fixture: Fixture;
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    const sql = postgres(database.url, { max: 8, onnotice: () => {} });
    await applySchema(sql);
    await sql.unsafe(TABLES);
    fixture = {
      sql,
      url: database.url,
      store: await PostgresStore.connect({ postgres: database.url }),
    };
  });
  beforeEach(async () => {
    const { sql, store } = fixture;
    await sql.unsafe(
      "TRUNCATE people, tickets, visits, dual_write_fence, dual_write_log, dual_write_log_overflow, dual_write_backfill_runs",
    );
    await store.createFence({ term: 1, role: "authority", complete: true });
  });
  afterAll(async () => {
    await fixture?.store.close();
    await fixture?.sql.end({ timeout: 1 });
    await database?.drop();
  });
  return () => fixture;
}

/** Resolves once this many statements wait for a lock. */
export async function untilBlocked(sql: postgres.Sql, amount: number): Promise<void> {
  for (;;) {
    const [row] =
      await sql`SELECT count(*)::int AS blocked FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (row?.blocked >= amount) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Holds a lock in a transaction of another client until `release`. */
export async function holding(sql: postgres.Sql, take: (transaction: postgres.TransactionSql) => PromiseLike<unknown>) {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let taken = () => {};
  const isTaken = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const done = sql.begin(async (transaction) => {
    await take(transaction);
    taken();
    await released;
  });
  await isTaken;
  return async () => {
    release();
    await done;
  };
}
