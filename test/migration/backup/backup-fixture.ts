/** Two pairs of stores, one to back up and one to restore into, and a folder for backups. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { Migration } from "../../../src/migration/migration.js";
import type { RedisServer } from "../../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../../support/databases.js";
import { waitFor } from "../../support/wait-for.js";

export interface Stores {
  readonly urls: { readonly redis: string; readonly postgres: string };
  readonly migration: Migration;
  readonly redis: Redis;
  readonly sql: postgres.Sql;
}

export interface BackupFixture {
  readonly from: Stores;
  readonly to: Stores;
  readonly folder: string;
}

export function useBackups(): () => BackupFixture {
  let server: RedisServer;
  let databases: FreshDatabase[] = [];
  let fixture: BackupFixture;

  beforeAll(async () => {
    // It would wait for more replicas for 5 seconds.
    server = await freshRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  });

  beforeEach(async () => {
    databases = await Promise.all([freshDatabase(), freshDatabase()]);
    const open = async (n: number): Promise<Stores> => {
      const urls = { redis: `${server.url}/${n}`, postgres: databases[n]?.url as string };
      const redis = new Redis(urls.redis);
      await redis.flushdb();
      const sql = postgres(urls.postgres, { max: 1, onnotice: () => {} });
      return { urls, migration: await Migration.open(urls), redis, sql };
    };
    const [from, to] = await Promise.all([open(0), open(1)]);
    const folder = await mkdtemp(join(tmpdir(), "dual-write-backups-"));
    fixture = { from, to, folder };
  });

  afterEach(async () => {
    for (const { migration, redis, sql } of [fixture.from, fixture.to]) {
      await migration.close();
      redis.disconnect();
      await sql.end({ timeout: 1 });
    }
    await Promise.all(databases.map((database) => database.drop()));
    await rm(fixture.folder, { recursive: true, force: true });
  });

  afterAll(() => server?.stop());

  return () => fixture;
}

/** What a run that has ended claimed of tasks goes within seconds; until then content would change by itself. */
export async function claimsGone(redis: Redis): Promise<void> {
  await waitFor(async () => (await redis.keys("dual-write:task:*")).length === 0, { what: "the end of claims" });
}

/** Every key with its content and expiry, readable and comparable. */
export async function contentOf(redis: Redis): Promise<Record<string, unknown>> {
  const keys = (await redis.keysBuffer("*")).sort(Buffer.compare);
  const content: Record<string, unknown> = {};
  for (const key of keys) {
    const dump = await redis.dumpBuffer(key);
    // It may have expired since it was listed.
    if (dump) content[key.toString("latin1")] = [dump.toString("base64"), await redis.pexpiretime(key)];
  }
  return content;
}

/** Every row of every table, in the order of its text. */
export async function rowsOf(sql: postgres.Sql): Promise<Record<string, unknown>> {
  const tables = await sql<{ name: string }[]>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'dual_write_migrations' ORDER BY 1`;
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const rows = await sql.unsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t ORDER BY 1`);
    content[name] = rows.map(({ row }) => row);
  }
  return content;
}
