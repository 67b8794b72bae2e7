/** Tests that use the shared server don't meet. */
import postgres from "postgres";
import { afterEach, expect, inject, it } from "vitest";
import { type FreshDatabase, freshDatabase } from "../support/databases.js";

const databases: FreshDatabase[] = [];

async function fresh(...args: Parameters<typeof freshDatabase>): Promise<FreshDatabase> {
  const database = await freshDatabase(...args);
  databases.push(database);
  return database;
}

async function query(url: string, statement: string): Promise<postgres.RowList<postgres.Row[]>> {
  const sql = postgres(url, { max: 1 });
  try {
    return await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.drop()));
});

it("a fresh database sees nothing of another", async () => {
  const [one, other] = await Promise.all([fresh(), fresh()]);
  await query(one.url, "CREATE TABLE mine (id int)");
  await expect(query(other.url, "SELECT 1 FROM mine")).rejects.toMatchObject({ code: "42P01" });
});

it("a database made from a template starts with its tables", async () => {
  const template = await fresh();
  await query(template.url, "CREATE TABLE given AS SELECT 7 AS id");
  const copy = await fresh({ template: template.name });
  expect(await query(copy.url, "SELECT id FROM given")).toEqual([{ id: 7 }]);
});

it("drop removes the database though somebody is connected, and twice does no harm", async () => {
  const database = await freshDatabase();
  const sql = postgres(database.url, { max: 1 });
  await sql`SELECT 1`;
  await database.drop();
  await database.drop();
  await sql.end({ timeout: 0 });
  const left = await query(inject("postgresUrl"), `SELECT 1 FROM pg_database WHERE datname = '${database.name}'`);
  expect(left).toHaveLength(0);
});
