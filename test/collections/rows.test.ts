/** What the collections project, in the tables of a real Postgres. */
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { writePythonJson } from "../../src/collections/python-json.js";
import { applySchema } from "../../src/schema/migrate.js";
import type { RecordCollection } from "../../src/stores/collection.js";
import { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { type FreshDatabase, freshDatabase } from "../support/databases.js";
import { GOLDEN_ACCESS } from "./golden-access.js";

const { usage, ...definitions } = builtinCollections();
const prefix = "threadr:";
const collections = Object.values(definitions).map((each) => each.bind({ prefix }) as RecordCollection);

const LONG = "x".repeat(100_000);
/** Legacy key and value, as odd as they come. */
// biome-ignore format: a table
const ODD: [name: string, key: string, json: string][] = [
  ["texts that Postgres refuses", "threadr:email:a@b", '{"name": "\\u0000\\ud800", "x\\u0000": {"\\udfff": ["\\u0000"]}}'],
  ["a __proto__", "threadr:email:p@b", '{"__proto__": {"a": 1}, "name": "x"}'],
  ["great integers", "threadr:subscription:user:big", '{"annual_price": 12345678901234567890, "tier_level": 2147483648, "payment_info": {"n": -98765432109876543210}}'],
  ["the last moment", "threadr:subscription:user:last", '{"current_period_end": "9999-12-31T23:59:59.999999"}'],
  ["moments beyond the years that have a text", "threadr:subscription:user:beyond", '{"current_period_start": "0001-01-01T00:00:00+01:00", "current_period_end": "9999-12-31T23:59:59-01:00"}'],
  ["features with all that an array literal needs to quote", "threadr:subscription:user:quotes", '{"features": ["", "NULL", "a,b", "{}", "\\"", "\\\\", " "]}'],
  ["long texts everywhere", "threadr:session:long", `{"user_id": "${LONG}", "user_agent": "${LONG}", "refresh_token": "${LONG}"}`],
  ["a long source", `threadr:cache:url:https://x.org/${"a".repeat(900)}`, `{"tweets": ["${LONG}"], "source_url": "https://x.org/${LONG}"}`],
  ["extreme numbers", "threadr:cache:text:0123456789abcdef", '{"tweets": [1e308, -5e-324, 1e-400, -0.0], "generation_time_ms": 1e300}'],
  ["an email with signs", "threadr:email:a*+[b]?'\"\\@b", "{}"],
  ["a log line of another time", "threadr:usage:log:::1:253402300799.9", "{}"],
];

let database: FreshDatabase;
let sql: postgres.Sql;
/** One of its own: Drizzle changes the client that it is given. */
let drizzleClient: postgres.Sql;
let store: PostgresStore;

beforeAll(async () => {
  database = await freshDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  drizzleClient = postgres(database.url, { max: 1, onnotice: () => {} });
  await applySchema(sql);
  store = new PostgresStore({ postgres: database.url, max: 1 });
  await store.createFence({ term: 1, role: "mirror", complete: false });
});

afterAll(async () => {
  await store?.close();
  await sql?.end({ timeout: 1 });
  await drizzleClient?.end({ timeout: 1 });
  await database?.drop();
});

let stamp = 2;

/** Brings a legacy value to Postgres; returns the typed columns that were projected, those that stand there, and the bytes. */
async function copied(
  key: string,
  json: string,
): Promise<{ projected: unknown; standing: unknown; original: unknown }> {
  const collection = collections.find((each) => each.parseKey(key) !== null) as RecordCollection;
  const id = collection.parseKey(key) as string;
  const bytes = Buffer.from(json);
  stamp += 2;
  const state = { stamp, bytes, expiresAt: null, operations: [] };
  const applied = await store.applyRecords(collection, 1, [{ id, state }]);
  expect(applied).toMatchObject({ fenced: false, results: [{ kind: "applied" }] });

  const [row] = await drizzle(drizzleClient).select().from(collection.table).where(eq(collection.idColumn, id));
  const projected = collection.project(id, bytes);
  const standing = Object.fromEntries(Object.keys(projected).map((name) => [name, row?.[name]]));
  // As JSON both ways: a minus zero, say, is the same number to Postgres.
  return { projected: asJson(projected), standing: asJson(standing), original: String(row?.syncOriginal) };
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("a row in Postgres", () => {
  it.each(ODD)("holds %s", async (_, key, json) => {
    const { projected, standing, original } = await copied(key, json);
    expect(standing).toEqual(projected);
    expect(original).toBe(json);
  });

  it("holds the first moment", async () => {
    // Not read back through JavaScript, which takes the year 1 of Postgres's text for 2001.
    await copied("threadr:subscription:user:first", '{"granted_at": "0001-01-01T00:00:00"}');
    const rows =
      await sql`SELECT granted_at = '0001-01-01T00:00:00Z' AS same FROM subscriptions WHERE holder = 'user:first'`;
    expect(rows).toEqual([{ same: true }]);
  });

  it("holds every example of the rule for access", async () => {
    for (const { keys } of GOLDEN_ACCESS) {
      for (const [key, value] of Object.entries(keys)) {
        if (!collections.some((each) => each.parseKey(key) !== null)) continue;
        const { projected, standing } = await copied(key, writePythonJson(value));
        expect(standing).toEqual(projected);
      }
    }
  });

  it("holds a counter's sum beside its parts", async () => {
    const counters = usage.bind({ prefix });
    const state = { generation: 0, redisPart: 5, postgresPart: 2, stamp: 4, expiresAt: null, operations: [] };
    await store.applyCounters(counters, 1, [{ id: "ip:2001:db8::1:daily:2026-11-20", state }]);
    expect(await sql`SELECT subject_kind, subject, period, bucket, count::int FROM usage_tracking`).toEqual([
      { subject_kind: "ip", subject: "2001:db8::1", period: "daily", bucket: "2026-11-20", count: 7 },
    ]);
  });

  it("is one for each email without regard to case", async () => {
    await sql`INSERT INTO users (email) VALUES ('one@example.org')`;
    await expect(sql`INSERT INTO users (email) VALUES ('One@Example.org')`).rejects.toMatchObject({ code: "23505" });
  });
});
