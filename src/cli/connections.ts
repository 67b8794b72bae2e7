/** What a command opens the migration with: flags before the environment before the configuration file. */
import { ConfigurationError } from "../errors.js";
import type { MigrationOptions } from "../migration/open-context.js";
import type { DualWriteConfig } from "./define-config.js";
import { completeRedisUrl, type Environment } from "./environment.js";

export interface ConnectionFlags {
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  readonly prefix?: string;
  readonly zone?: string;
}

/** @throws ConfigurationError */
export function connectionsOf(
  flags: ConnectionFlags,
  env: Environment,
  config: DualWriteConfig,
  needsPostgres = true,
): MigrationOptions {
  const postgres = flags.databaseUrl || env.DATABASE_URL || config.postgres;
  if (!postgres && needsPostgres) {
    const message = "set DATABASE_URL, give --database-url, or name it in dual-write.config.ts";
    throw new ConfigurationError([{ path: "postgres", message }]);
  }
  const redis = flags.redisUrl || env.REDIS_URL || config.redis || undefined;
  return {
    redis: typeof redis === "string" ? completeRedisUrl(redis, env) : redis,
    postgres,
    keyPrefix: flags.prefix ?? config.keyPrefix,
    zone: flags.zone ?? config.zone,
    collections: config.collections,
  };
}
