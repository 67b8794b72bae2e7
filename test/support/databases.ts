/** Gives each test a database, and each test file a Redis, that nobody else touches. */
import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { type RedisOptions, type RedisServer, startRedis } from "../servers/redis-server.js";
import "./global-setup.js";

export interface FreshDatabase {
  readonly url: string;
  readonly name: string;
  /** Removes the database, cutting off whoever still uses it. */
  drop(): Promise<void>;
}

export interface FreshDatabaseOptions {
  /** The name of a database to copy, which nobody may be connected to. @default an empty database */
  template?: string;
  /** The maintenance database of the server to create it on. @default the server that all test files share */
  server?: string;
}

/** Creates a database. */
export async function freshDatabase(options: FreshDatabaseOptions = {}): Promise<FreshDatabase> {
  const maintenance = options.server ?? inject("postgresUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(maintenance, (sql) =>
    options.template === undefined
      ? sql`CREATE DATABASE ${sql(name)}`
      : sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(options.template)}`,
  );
  const url = new URL(maintenance);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    name,
    drop: () => administer(maintenance, (sql) => sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`),
  };
}

/** Starts a Redis of this test file's own; `stop` it in `afterAll`. */
export function freshRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return startRedis(options);
}

async function administer(url: string, statement: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    await statement(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
