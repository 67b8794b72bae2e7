/** Connects both stores and binds the collections. */
import { randomUUID } from "node:crypto";
import type { Redis, RedisOptions } from "ioredis";
import { builtinCollections } from "../collections/builtin.js";
import { DEFAULT_ZONE } from "../collections/legacy-dates.js";
import { EventHub } from "../engine/events.js";
import { TermView } from "../engine/term-view.js";
import { ConfigurationError, type Issue } from "../errors.js";
import type { CollectionDefinition } from "../facade/options.js";
import { Guard } from "../stores/guard.js";
import type { PostgresInput } from "../stores/postgres/connection.js";
import { ControlRecords } from "../stores/postgres/control-records.js";
import { PostgresStore } from "../stores/postgres/postgres-store.js";
import { RedisStore } from "../stores/redis/redis-store.js";
import type { BoundCollection, MigrationContext } from "./migration-context.js";

export interface MigrationOptions {
  /** A URL, ioredis options, or a client whose options are taken over. Not needed once Redis is given up. */
  readonly redis?: string | RedisOptions | Redis | undefined;
  /** A URL or postgres.js options. */
  readonly postgres: PostgresInput | undefined;
  /** What legacy keys begin with. @default "threadr:" */
  readonly keyPrefix?: string | undefined;
  /** The zone of legacy date-times that carry none, an IANA name. @default "UTC" */
  readonly zone?: string | undefined;
  /** The user's own collections, beside the built-in ones. @default none */
  readonly collections?: Readonly<Record<string, CollectionDefinition>> | undefined;
}

const PREFIX = "threadr:";
const PRIORITIES = ["critical", "high", "medium", "low"];
const CONNECTIONS = 4;

/** A store that is away is no error here: its calls fail until it answers. @throws ConfigurationError */
export async function openContext(options: MigrationOptions): Promise<MigrationContext> {
  const { keyPrefix = PREFIX, zone = DEFAULT_ZONE } = options ?? {};
  const collections = bindAll(options, keyPrefix, zone);
  const postgresStore = await PostgresStore.connect({ postgres: options.postgres as PostgresInput, max: CONNECTIONS });
  const redisStore = options.redis ? await RedisStore.connect({ redis: options.redis }) : null;
  const redis = redisStore && new Guard(redisStore);
  const postgres = new Guard(postgresStore);
  return {
    processId: `migration-${randomUUID()}`,
    redis,
    postgres,
    collections,
    // Nobody here settles terms in the background; whoever needs one does it itself.
    term: new TermView(
      () => redis,
      postgres,
      () => {},
    ),
    evidence: new ControlRecords(postgresStore.sql),
    events: new EventHub(),
    prefix: keyPrefix,
    zone,
  };
}

/** @throws ConfigurationError that lists everything that is wrong */
function bindAll(options: MigrationOptions, prefix: string, zone: string): BoundCollection[] {
  const issues: Issue[] = [];
  checkUrl(issues, "redis", options?.redis, ["redis:", "rediss:"]);
  checkUrl(issues, "postgres", options?.postgres, ["postgres:", "postgresql:"]);
  if (!options?.postgres)
    issues.push({ path: "postgres", message: "missing; give a URL that begins with postgres:// or options" });
  if (typeof prefix !== "string" || prefix.startsWith("dual-write:")) {
    issues.push({
      path: "keyPrefix",
      message: "a text that doesn't begin with \"dual-write:\", which is the library's own",
    });
  }
  for (const [name, definition] of Object.entries(options?.collections ?? {})) {
    if (definition?.kind !== "records" && definition?.kind !== "counters") {
      issues.push({ path: `collections.${name}`, message: "made by defineRecords or defineCounters" });
    }
  }
  if (issues.length > 0) throw new ConfigurationError(issues);
  const definitions = Object.values({ ...builtinCollections({ zone }), ...options.collections });
  const bound = definitions.map((definition) => definition.bind({ prefix }) as BoundCollection);
  return bound.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority));
}

function checkUrl(issues: Issue[], path: string, value: unknown, protocols: readonly string[]): void {
  if (typeof value !== "string" || value === "" || protocols.some((protocol) => value.startsWith(`${protocol}//`)))
    return;
  issues.push({
    path,
    message: `not such a URL; it must begin with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
  });
}
