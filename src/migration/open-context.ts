/** Connects both stores and binds the collections. */
import { randomUUID } from "node:crypto";
import type { Redis, RedisOptions } from "ioredis";
import { EventHub } from "../engine/events.js";
import { TermView } from "../engine/term-view.js";
import { storeIssues } from "../facade/option-checks.js";
import { Guard } from "../stores/guard.js";
import type { PostgresInput } from "../stores/postgres/connection.js";
import { ControlRecords } from "../stores/postgres/control-records.js";
import { PostgresStore } from "../stores/postgres/postgres-store.js";
import { RedisStore } from "../stores/redis/redis-store.js";
import { bindCollections, type KeyspaceOptions } from "./bind-collections.js";
import type { MigrationContext } from "./migration-context.js";

export interface MigrationOptions extends KeyspaceOptions {
  /** A URL, ioredis options, or a client whose options are taken over. Not needed once Redis is given up. */
  readonly redis?: string | RedisOptions | Redis | undefined;
  /** A URL or postgres.js options. */
  readonly postgres: PostgresInput | undefined;
}

const CONNECTIONS = 4;

/** A store that is away is no error here: its calls fail until it answers. @throws ConfigurationError that lists everything that is wrong */
export async function openContext(options: MigrationOptions): Promise<MigrationContext> {
  const issues = [...storeIssues("redis", options?.redis, false), ...storeIssues("postgres", options?.postgres, true)];
  const keyspace = bindCollections(options, issues);
  const postgresStore = await PostgresStore.connect({ postgres: options.postgres as PostgresInput, max: CONNECTIONS });
  const redisStore = options.redis ? await RedisStore.connect({ redis: options.redis }) : null;
  const redis = redisStore && new Guard(redisStore);
  const postgres = new Guard(postgresStore);
  return {
    processId: `migration-${randomUUID()}`,
    redis,
    postgres,
    // Nobody here settles terms in the background; whoever needs one does it itself.
    term: new TermView(
      () => redis,
      postgres,
      () => {},
      () => keyspace.collections,
    ),
    evidence: new ControlRecords(postgresStore.sql),
    events: new EventHub(),
    ...keyspace,
  };
}
