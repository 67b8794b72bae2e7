/** A Redis and a migrated database for each test, seen through the migration and past it. */
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { BoundCounters } from "../../src/engine/define-counters.js";
import type { BoundRecords } from "../../src/engine/define-records.js";
import { type BothStores, closeContext, withRedis } from "../../src/migration/migration-context.js";
import { type MigrationOptions, openContext } from "../../src/migration/open-context.js";
import { settledReign } from "../../src/migration/redis-authority.js";
import { applySchema } from "../../src/schema/migrate.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";

export class Fixture {
  constructor(
    readonly context: BothStores,
    /** A program that knows nothing of the library. */
    readonly redis: Redis,
    readonly sql: postgres.Sql,
    readonly urls: { readonly redis: string; readonly postgres: string },
    /** Every write was kept on disk, so it comes back with all it held. */
    readonly restartRedis: () => Promise<unknown>,
  ) {}

  records(name: string): BoundRecords<unknown> {
    return this.#collection(name) as BoundRecords<unknown>;
  }

  counters(name: string): BoundCounters {
    return this.#collection(name) as BoundCounters;
  }

  /** Redis is the authority afterwards. */
  async term(): Promise<number> {
    return (await settledReign(this.context)).term;
  }

  /** The value's bytes as Postgres has them; null for a tombstone, undefined where there is no row. */
  async row(
    name: string,
    id: string,
  ): Promise<{ bytes: string | null; stamp: number; expiresAt: number | null } | undefined> {
    const { held } = await this.context.postgres.store.inspectRecords(this.records(name), [id]);
    const [one] = held;
    if (!one || one.kind === "absent" || one.kind === "unreadable") return undefined;
    return { bytes: one.kind === "value" ? one.bytes.toString() : null, stamp: one.stamp, expiresAt: one.expiresAt };
  }

  /** What a counter stands at in Postgres. */
  async sum(id: string): Promise<number> {
    const { held } = await this.context.postgres.store.inspectCounters(this.counters("usage"), [id]);
    const [one] = held;
    return one?.kind === "value" ? one.redisPart + one.postgresPart : 0;
  }

  async rejects(): Promise<{ collection: string; key: string; reason: string; value: Buffer | null }[]> {
    return this.sql`SELECT collection, key, reason, value FROM dual_write_rejects ORDER BY key`;
  }

  /** The stamp that the library gave to a legacy key; null: it has no companion. */
  async companion(key: string): Promise<string | null> {
    return this.redis.get(`dual-write:{${key}}`);
  }

  #collection(name: string) {
    const found = this.context.collections.find((collection) => collection.name === name);
    if (!found) throw new Error(`There is no collection ${name}.`);
    return found;
  }
}

/** Servers for the test file, and a fixture for each test. */
export function useFixture(options: Omit<MigrationOptions, "redis" | "postgres"> = {}): () => Fixture {
  let server: RedisServer;
  let template: FreshDatabase;
  let database: FreshDatabase;
  let fixture: Fixture;

  beforeAll(async () => {
    [server, template] = await Promise.all([freshRedis({ appendonly: true }), freshDatabase()]);
    const sql = postgres(template.url, { max: 1, onnotice: () => {} });
    await applySchema(sql);
    await sql.end({ timeout: 1 });
  });

  beforeEach(async () => {
    database = await freshDatabase({ template: template.name });
    const redis = new Redis(server.url);
    await redis.flushall();
    const context = withRedis(await openContext({ ...options, redis: server.url, postgres: database.url }));
    const sql = postgres(database.url, { max: 2, onnotice: () => {} });
    fixture = new Fixture(context, redis, sql, { redis: server.url, postgres: database.url }, () => server.restart());
  });

  afterEach(async () => {
    await closeContext(fixture.context);
    fixture.redis.disconnect();
    await fixture.sql.end({ timeout: 1 });
    await database.drop();
  });

  afterAll(async () => {
    await server?.stop();
    await template?.drop();
  });

  return () => fixture;
}

export const DAY = 86_400_000;

/** As the legacy programs write it. */
export function signUp(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ subscribed_at: "2026-01-02T03:04:05.123456", source: "landing", ...fields });
}
