/** The real servers: one Postgres for many schedules, and for each schedule a database of its own and a Redis of its own. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { applySchema } from "../../src/schema/migrate.js";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { type RedisServer, startRedis } from "../servers/redis-server.js";
import { waitFor } from "../support/wait-for.js";

const SYNC =
  "sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}'";
/** The explorer's collections. */
const TABLES = [
  `CREATE TABLE explored (id text PRIMARY KEY, first text, ${SYNC}, sync_original bytea)`,
  `CREATE TABLE explored_counts (id text PRIMARY KEY, total bigint, ${SYNC}, sync_generation bigint NOT NULL DEFAULT 0, sync_redis_part bigint NOT NULL DEFAULT 0, sync_postgres_part bigint NOT NULL DEFAULT 0)`,
];
const TEMPLATE = "explored";

export class Servers {
  #made = 0;

  private constructor(
    readonly postgres: PostgresServer,
    readonly sql: postgres.Sql,
  ) {}

  static async start(): Promise<Servers> {
    const server = await startPostgres({ config: { fsync: "off", full_page_writes: "off", max_connections: "400" } });
    const sql = plainSql(server.url);
    await sql`CREATE DATABASE ${sql(TEMPLATE)}`;
    const template = plainSql(urlOf(server.url, TEMPLATE));
    await applySchema(template);
    for (const table of TABLES) await template.unsafe(table);
    await template.end();
    return new Servers(server, sql);
  }

  async pair(): Promise<ServerPair> {
    const name = `schedule_${++this.#made}`;
    const [redis] = await Promise.all([
      startRedis(),
      this.sql`CREATE DATABASE ${this.sql(name)} TEMPLATE ${this.sql(TEMPLATE)}`,
    ]);
    const drop = () => this.sql`DROP DATABASE ${this.sql(name)} WITH (FORCE)`;
    return new ServerPair(redis, urlOf(this.postgres.url, name), drop);
  }

  async stop(): Promise<void> {
    await this.sql.end({ timeout: 1 });
    await this.postgres.stop();
  }
}

/** One schedule's servers, and what a program without the library does to them and sees of them. */
export class ServerPair {
  readonly redis: Redis;
  readonly sql: postgres.Sql;
  #hasSnapshot = false;

  constructor(
    readonly server: RedisServer,
    readonly postgresUrl: string,
    readonly drop: () => PromiseLike<unknown>,
  ) {
    this.redis = new Redis(server.url, { maxRetriesPerRequest: null });
    this.redis.on("error", () => {});
    this.sql = plainSql(postgresUrl);
  }

  async snapshot(): Promise<void> {
    await this.redis.save();
    await copyFile(this.#file("dump.rdb"), this.#file("older.rdb"));
    this.#hasSnapshot = true;
  }

  /** With everything, with what the snapshot kept, or without anything. Returns what of it may be missing. */
  async loseRedis(kind: "flush" | "restore" | "restart"): Promise<"nothing" | "some"> {
    if (kind === "flush") {
      await this.redis.flushall();
      return "some";
    }
    const isOld = kind === "restore" && this.#hasSnapshot;
    if (isOld) {
      await this.server.kill();
      await copyFile(this.#file("older.rdb"), this.#file("dump.rdb"));
    } else await this.#shutDown();
    await this.server.restart();
    await this.redis.ping();
    return isOld ? "some" : "nothing";
  }

  /** What stands for a key in Redis. */
  async held(key: string): Promise<{ readonly value: string | null; readonly expiresAt: number | null }> {
    const [value, at] = await Promise.all([this.redis.get(key), this.redis.call("PEXPIRETIME", key)]);
    return { value, expiresAt: value !== null && Number(at) > 0 ? Number(at) : null };
  }

  async end(): Promise<void> {
    this.redis.disconnect();
    await this.sql.end({ timeout: 1 });
    await Promise.all([this.server.stop(), this.drop()]);
  }

  /** Nothing is answered between the last write that it keeps and its end. */
  async #shutDown(): Promise<void> {
    const { pid } = this.server;
    const once = new Redis(this.server.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    once.on("error", () => {});
    await once.call("SHUTDOWN", "SAVE").catch(() => {});
    once.disconnect();
    await waitFor(() => !isAlive(pid), { what: "Redis to end" });
  }

  #file(name: string): string {
    return join(this.server.dir, name);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function plainSql(url: string): postgres.Sql {
  return postgres(url, { max: 2, onnotice: () => {}, idle_timeout: 20 });
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
