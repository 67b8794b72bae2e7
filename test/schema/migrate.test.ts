/** The schema is brought up to date by any number of processes at once, and whatever is odd about it is named. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getTableName, is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SchemaOutOfDateError } from "../../src/errors.js";
import { applySchema, checkSchema, readMigrations, readSchemaStatus } from "../../src/schema/migrate.js";
import * as tables from "../../src/schema/tables.js";
import { type FreshDatabase, freshDatabase } from "../support/databases.js";

const PACKAGE_FOLDER = fileURLToPath(new URL("../../migrations", import.meta.url));

let database: FreshDatabase;
let sql: postgres.Sql;
let folder: string;

beforeEach(async () => {
  database = await freshDatabase();
  sql = connect(1);
  folder = await mkdtemp(join(tmpdir(), "migrations-"));
  await cp(PACKAGE_FOLDER, folder, { recursive: true });
});

afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
  await rm(folder, { recursive: true });
});

function connect(max: number): postgres.Sql {
  return postgres(database.url, { max, onnotice: () => {} });
}

async function addMigration(tag: string, text: string): Promise<void> {
  const path = join(folder, "meta/_journal.json");
  const journal = JSON.parse(await readFile(path, "utf8"));
  journal.entries.push({ idx: journal.entries.length, version: "7", when: 0, tag, breakpoints: true });
  await writeFile(path, JSON.stringify(journal));
  await writeFile(join(folder, `${tag}.sql`), text);
}

describe("applying the schema", () => {
  test("creates every table that the library has", async () => {
    const applied = await applySchema(sql);
    expect(applied).toEqual((await readMigrations()).map(({ tag }) => tag));
    const expected = Object.values(tables)
      .filter((table) => is(table, PgTable))
      .map((table) => getTableName(table as PgTable));
    const rows = await sql`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`;
    expect(rows.map(({ tablename }) => tablename).sort()).toEqual([...expected, "dual_write_migrations"].sort());
    await checkSchema(sql);
  });

  test("leaves no column of the Drizzle tables out", async () => {
    await applySchema(sql);
    for (const table of Object.values(tables).filter((table): table is typeof tables.users => is(table, PgTable))) {
      const { name, columns } = getTableConfig(table);
      const rows = await sql`SELECT column_name FROM information_schema.columns WHERE table_name = ${name}`;
      expect(rows.map(({ column_name }) => column_name).sort()).toEqual(columns.map((column) => column.name).sort());
    }
  });

  test("twice in a row does nothing the second time", async () => {
    await applySchema(sql);
    expect(await applySchema(sql)).toEqual([]);
  });

  test("twenty times at once applies each migration once", async () => {
    const clients = Array.from({ length: 20 }, () => connect(1));
    const applied = await Promise.all(clients.map((client) => applySchema(client)));
    await Promise.all(clients.map((client) => client.end({ timeout: 1 })));
    expect(applied.flat().sort()).toEqual((await readMigrations()).map(({ tag }) => tag).sort());
    await checkSchema(sql);
  });

  test("goes on from what an older version applied", async () => {
    await applySchema(sql, { folder });
    await addMigration(
      "0900_more",
      "CREATE TABLE more_a (id int)\n;\n--> statement-breakpoint\nCREATE TABLE more_b (id int);\n-- the end",
    );
    await expect(checkSchema(sql, { folder })).rejects.toThrow(
      /lacks 1 migration: 0900_more.*dual-write migrate-schema/,
    );
    expect(await applySchema(sql, { folder })).toEqual(["0900_more"]);
    await sql`SELECT FROM more_a, more_b`;
  });

  test("leaves nothing of a migration that fails, and can be repeated", async () => {
    await applySchema(sql, { folder });
    await addMigration("0900_half", "CREATE TABLE half (id int);\n--> statement-breakpoint\nSELECT 1/0;");
    await expect(applySchema(sql, { folder })).rejects.toMatchObject({ code: "22012" });
    expect((await sql`SELECT to_regclass('half') AS found`)[0]?.found).toBeNull();
    expect((await readSchemaStatus(sql, { folder })).pending).toEqual(["0900_half"]);
    await writeFile(join(folder, "0900_half.sql"), "CREATE TABLE half (id int);");
    expect(await applySchema(sql, { folder })).toEqual(["0900_half"]);
  });
});

describe("a schema", () => {
  const refusal = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(SchemaOutOfDateError);
    return (error as Error).message;
  };

  test("that is missing is named with what to do, and nothing is created by checking", async () => {
    expect(await refusal(checkSchema(sql))).toMatch(/lacks \d+ migrations: 0000_initial, .*schema: "apply"/);
    expect(await sql`SELECT FROM pg_tables WHERE schemaname = 'public'`).toHaveLength(0);
  });

  test("whose migration was edited is refused by name", async () => {
    await applySchema(sql, { folder });
    await writeFile(
      join(folder, "0001_functions.sql"),
      `${await readFile(join(folder, "0001_functions.sql"), "utf8")}\n-- edited`,
    );
    for (const look of [checkSchema, applySchema])
      expect(await refusal(look(sql, { folder }))).toMatch(/differ.*: 0001_functions\./);
  });

  test("whose files have other line ends isn't taken for edited", async () => {
    await applySchema(sql, { folder });
    const path = join(folder, "0000_initial.sql");
    await writeFile(path, (await readFile(path, "utf8")).replaceAll("\n", "\r\n"));
    await checkSchema(sql, { folder });
  });

  test("that lacks an earlier migration than it has is refused by name", async () => {
    await applySchema(sql, { folder });
    await sql`DELETE FROM dual_write_migrations WHERE tag = '0000_initial'`;
    for (const look of [checkSchema, applySchema])
      expect(await refusal(look(sql, { folder }))).toMatch(/has \d+_\w+ but lacks .*: 0000_initial\./);
  });

  test("with migrations of a newer version is refused by name", async () => {
    await addMigration("0900_newer", "CREATE TABLE newer (id int)");
    await applySchema(sql, { folder });
    for (const look of [checkSchema, applySchema])
      expect(await refusal(look(sql))).toMatch(/doesn't know: 0900_newer\. Use the version that applied it/);
  });
});
