/** Refuses to go on without a recent backup of the same stores. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type GateCheck, GateRefusedError } from "../../errors.js";
import { serverOf } from "../keyspace/keyspace-page.js";
import { type MigrationContext, PAGE_MS, withRedis } from "../migration-context.js";
import { identityOf } from "./backup-postgres.js";
import { type FoundBackup, findBackups } from "./manifest.js";

export interface RecentBackupOptions {
  /** Where backups are kept. */
  readonly folder: string;
  /** Hours that a backup counts as recent. @default 24 */
  readonly withinHours?: number | undefined;
  /** Whether Redis must be in it too. @default whether there is one */
  readonly redis?: boolean | undefined;
}

const WITHIN_HOURS = 24;
const HOUR_MS = 3_600_000;

/**
 * The newest backup that is complete, sent where it should be, of these very stores and recent. Its files are looked at, not read
 * again: they were when it was made.
 * @throws GateRefusedError, naming what is wrong with the newest there is
 */
export async function requireRecentBackup(
  context: MigrationContext,
  options: RecentBackupOptions,
): Promise<FoundBackup> {
  const needsRedis = options.redis ?? context.redis !== null;
  const servers = {
    postgres: (await identityOf(context)).server,
    redis: needsRedis ? await redisServer(context) : null,
  };
  const found = await findBackups(resolve(options.folder));
  let newest: string | null = null;
  for (const one of found) {
    const wrong = await whatIsWrong(one, servers, options.withinHours ?? WITHIN_HOURS);
    if (wrong === null) return one;
    newest ??= `the newest, ${one.folder}, ${wrong}`;
  }
  throw new GateRefusedError([refusal(newest ?? `there is none in ${resolve(options.folder)}`)]);
}

async function redisServer(context: MigrationContext): Promise<string> {
  const stores = withRedis(context);
  // Proves the connection, so that its server is known.
  await stores.redis.attempt((store) => store.now(), PAGE_MS);
  return serverOf(stores);
}

async function whatIsWrong(
  { folder, manifest }: FoundBackup,
  servers: { readonly postgres: string; readonly redis: string | null },
  withinHours: number,
): Promise<string | null> {
  const hours = (Date.now() - Date.parse(manifest.createdAt)) / HOUR_MS;
  if (!(hours <= withinHours)) return `is ${Math.floor(hours)} hours old; ${withinHours} are allowed`;
  if (manifest.sent === false) return "wasn't sent elsewhere as it should be";
  if (manifest.postgres.server !== servers.postgres) return "is of another Postgres database";
  if (servers.redis !== null && manifest.redis?.server !== servers.redis)
    return manifest.redis ? "is of another Redis, or of before its restart" : "doesn't hold Redis";
  for (const file of manifest.files) {
    const size = await stat(join(folder, file.name)).then(
      (found) => found.size,
      () => null,
    );
    if (size !== file.bytes) return `${size === null ? "lacks" : "has not all of"} its file ${file.name}`;
  }
  return null;
}

function refusal(figure: string): GateCheck {
  return {
    name: "a recent backup",
    passed: false,
    figure,
    remedy: "Run `dual-write backup`, or say where backups are kept.",
  };
}
