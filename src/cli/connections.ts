/** What a command opens the migration with: flags before the environment. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigurationError } from "../errors.js";
import type { MigrationOptions } from "../migration/open-context.js";

export interface ConnectionFlags {
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  readonly prefix: string;
  readonly zone: string;
  readonly collections?: string;
}

type Collections = NonNullable<MigrationOptions["collections"]>;

/** @throws ConfigurationError */
export async function connectionsOf(
  flags: ConnectionFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<MigrationOptions> {
  const postgres = flags.databaseUrl || env.DATABASE_URL;
  if (!postgres)
    throw new ConfigurationError([{ path: "postgres", message: "set DATABASE_URL, or give --database-url" }]);
  return {
    redis: flags.redisUrl || env.REDIS_URL || undefined,
    postgres,
    keyPrefix: flags.prefix,
    zone: flags.zone,
    collections: flags.collections === undefined ? undefined : await loadCollections(flags.collections),
  };
}

async function loadCollections(file: string): Promise<Collections> {
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ConfigurationError(
      [{ path: "collections", message: `${file} can't be loaded: ${(cause as Error).message}` }],
      { cause },
    );
  }
  const collections = loaded.collections ?? loaded.default;
  if (typeof collections === "object" && collections !== null) return collections as Collections;
  throw new ConfigurationError([
    { path: "collections", message: `${file} exports no object as \`collections\` or by default` },
  ]);
}
