/** Real servers with a legacy keyspace in Redis and a migrated, empty database, which can be had anew for each turn. */
import { DualWriteStore, Migration } from "dual-write-store";
import { Redis } from "ioredis";
import { pino } from "pino";
import postgres from "postgres";
import { type PostgresServer, startPostgres } from "../../test/servers/postgres-server.js";
import { type RedisServer, startRedis } from "../../test/servers/redis-server.js";
import { type Fates, fillKeyspace } from "../keyspace.js";
import type { Urls } from "./tasks.js";

const TEMPLATE = "bench_template";
const DATABASE = "bench";
const COPIES = `
CREATE TABLE usual_copy (key text PRIMARY KEY, value text NOT NULL, expires_at timestamptz);
CREATE TABLE pipeline_copy (key bytea PRIMARY KEY, value bytea NOT NULL, expires_at timestamptz);
`;

export class KeyspaceStage {
  readonly #server: PostgresServer;
  readonly #redisServer: RedisServer;
  readonly redis: Redis;
  readonly urls: Urls;
  /** What a backfill has to make of the keys that were filled in last. */
  fates: Fates = { copied: 0, setAside: 0, ignored: 0, merged: 0 };

  private constructor(server: PostgresServer, redisServer: RedisServer) {
    this.#server = server;
    this.#redisServer = redisServer;
    this.redis = new Redis(redisServer.url);
    this.urls = { redis: redisServer.url, postgres: databaseUrl(server.url, DATABASE) };
  }

  static async open(): Promise<KeyspaceStage> {
    // A checkpoint in the middle of a turn would be somebody's bad luck.
    const config = { shared_buffers: "256MB", max_wal_size: "8GB", checkpoint_timeout: "30min" };
    const [server, redisServer] = await Promise.all([startPostgres({ config }), startRedis()]);
    const stage = new KeyspaceStage(server, redisServer);
    await stage.#administer(`CREATE DATABASE ${TEMPLATE}`);
    const url = databaseUrl(server.url, TEMPLATE);
    const migration = await Migration.open({ redis: redisServer.url, postgres: url });
    await migration.migrateSchema();
    await migration.close();
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await sql.unsafe(COPIES);
    await sql.end();
    return stage;
  }

  /** So many keys, and nothing else. */
  async fill(keys: number): Promise<void> {
    await this.redis.flushall();
    this.fates = await fillKeyspace({ redisUrl: this.#redisServer.url, keys });
    await this.reset();
  }

  /** An empty database, and no trace of the library in Redis. */
  async reset(): Promise<void> {
    await this.#administer(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
    await this.#administer(`CREATE DATABASE ${DATABASE} TEMPLATE ${TEMPLATE}`);
    await this.#remove("dual-write:*");
  }

  /** Postgres reigns, and Redis has lost every legacy key: what a reverse backfill is for. */
  async turnRound(): Promise<void> {
    const { redis, postgres: url } = this.urls;
    const store = await DualWriteStore.open({
      redis,
      postgres: url,
      strategy: "REDIS_PRIMARY",
      logger: pino({ level: "silent" }),
    });
    for (const next of ["DUAL_WRITE", "POSTGRES_PRIMARY"] as const)
      await store.setStrategy(next, { force: true, reason: "bench" });
    await store.drain();
    await store.close();
    await this.#remove("threadr:*");
  }

  /** One number from one row. */
  async count(query: string): Promise<number> {
    const sql = postgres(this.urls.postgres, { max: 1, onnotice: () => {} });
    try {
      const [row] = await sql.unsafe<{ count: string }[]>(query);
      return Number(row?.count);
    } finally {
      await sql.end();
    }
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await Promise.allSettled([this.#server.stop(), this.#redisServer.stop()]);
  }

  async #remove(pattern: string): Promise<void> {
    let cursor = "0";
    do {
      const [next, keys] = await this.redis.scanBuffer(cursor, "MATCH", pattern, "COUNT", 10_000);
      cursor = next.toString();
      if (keys.length > 0) await this.redis.unlink(keys);
    } while (cursor !== "0");
  }

  async #administer(statement: string): Promise<void> {
    const sql = postgres(this.#server.url, { max: 1, onnotice: () => {} });
    await sql.unsafe(statement);
    await sql.end();
  }
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
