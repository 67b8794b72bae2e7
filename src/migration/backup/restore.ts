/** Brings a backup back: says what it will do, and touches nothing before everything it needs was found in order. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { BackupError, ConfigurationError, GateRefusedError } from "../../errors.js";
import { serverIdentity } from "../../stores/postgres/statements/server-identity.js";
import type { Lease } from "../../stores/store.js";
import { type MigrationContext, PAGE_MS, withRedis } from "../migration-context.js";
import { RateMeter } from "../run/progress.js";
import { checkBackupFile } from "./backup-file.js";
import { type BackupFile, type BackupManifest, readManifest } from "./manifest.js";
import { type RestoreMark, readMark } from "./restore-mark.js";
import type { Part, PartOptions } from "./restore-part.js";
import { planPostgres, restorePostgres } from "./restore-postgres.js";
import { planRedis, type RedisRestored, restoreRedis } from "./restore-redis.js";

export interface RestoreOptions {
  /** The folder of one backup. */
  readonly backup: string;
  /** Which store. @default both, as far as the backup holds them */
  readonly only?: "redis" | "postgres" | undefined;
  /**
   * From which file Redis is read: `keys`, the portable one, in which keys are as SCAN met them while traffic went on; or `rdb`, all
   * of one moment, for which a redis-server must be on the PATH. @default "keys"
   */
  readonly redisBy?: "keys" | "rdb" | undefined;
  /** Removes what stands there first. @default false: both must be empty */
  readonly force?: boolean | undefined;
  /** Says what it would do, and does nothing. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told the steps before the first is taken. */
  readonly onPlan?: ((steps: readonly string[]) => void) | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

export interface RestoreProgress {
  readonly phase: "redis" | "postgres";
  /** Keys or rows. */
  readonly done: number;
  readonly total: number;
  readonly rate: number;
  readonly etaMs: number | null;
}

export interface RestoreReport {
  /** What was done, or would be. */
  readonly steps: readonly string[];
  readonly done: boolean;
  /** Keys that Redis has again; those that had expired by now aren't. Null: Redis wasn't restored. */
  readonly redis: RedisRestored | null;
  /** Rows that Postgres has again; null where psql restored them, or Postgres wasn't. */
  readonly postgres: { readonly rows: number | null } | null;
}

/**
 * Stopped or killed, and called again as it was, it goes on: with Redis alone where Postgres was restored already.
 * @throws BackupError if the backup is damaged or a store isn't empty; GateRefusedError while processes use the stores;
 *   ConfigurationError
 */
export async function restore(context: MigrationContext, options: RestoreOptions): Promise<RestoreReport> {
  const folder = resolve(options.backup);
  if (!existsSync(folder)) {
    const message = `there is no folder ${folder}; name that of one backup, such as nightly-20261121T030000Z`;
    throw new ConfigurationError([{ path: "backup", message }]);
  }
  const manifest = await readManifest(folder);
  const parts = choose(manifest, folder, options, context);
  for (const { path, file } of Object.values(parts)) await checkBackupFile(path, file);
  await refuseLiveFleet(context);
  const force = options.force ?? false;
  const mark = await markOf(context, manifest, parts);
  const left = force || !parts.redis ? null : await readMark(withRedis(context).redis.store.connection.client);
  const goesOn = left?.backup === mark.backup;
  const isRestored = goesOn && parts.postgres !== undefined && left.database === mark.database;
  const replace = force || goesOn;
  const steps = [
    ...(isRestored ? ["Postgres: nothing, the restore that was stopped had brought it back."] : []),
    ...(parts.postgres && !isRestored ? await planPostgres(context, parts.postgres, force) : []),
    ...(parts.redis ? await planRedis(withRedis(context), parts.redis, replace) : []),
  ];
  options.onPlan?.(steps);
  if (options.dryRun) return { steps, done: false, redis: null, postgres: null };
  const part = (phase: RestoreProgress["phase"], empty: boolean) => {
    return { replace: empty, signal: options.signal, onDone: meter(phase, options) };
  };
  const postgres =
    parts.postgres && !isRestored ? await restorePostgres(context, parts.postgres, part("postgres", force)) : null;
  const redis = parts.redis
    ? await restoreRedis(withRedis(context), parts.redis, mark, part("redis", replace)).catch((e) => half(e, options))
    : null;
  return { steps, done: true, redis, postgres };
}

/** What is left in Redis until all of it is restored. */
async function markOf({ postgres }: MigrationContext, manifest: BackupManifest, parts: Parts): Promise<RestoreMark> {
  const { server } = parts.postgres
    ? await postgres.attempt((store) => serverIdentity(store.sql), PAGE_MS)
    : { server: "" };
  return { backup: `${manifest.label} ${manifest.createdAt}`, database: server };
}

interface Parts {
  readonly redis?: Part;
  readonly postgres?: Part;
}

function choose(
  manifest: BackupManifest,
  folder: string,
  { only, redisBy = "keys" }: RestoreOptions,
  context: MigrationContext,
): Parts {
  if (only !== undefined && only !== "redis" && only !== "postgres")
    throw new ConfigurationError([{ path: "only", message: "redis or postgres" }]);
  if (redisBy !== "keys" && redisBy !== "rdb")
    throw new ConfigurationError([{ path: "redisBy", message: "keys or rdb" }]);
  const part = (holds: BackupFile["holds"]): Part | undefined => {
    const file = manifest.files.find((one) => one.holds === holds);
    return file && { path: join(folder, file.name), file, manifest };
  };
  const postgres = only === "redis" ? undefined : part("postgres");
  const redis = only === "postgres" ? undefined : part(`redis-${redisBy}`);
  if (redisBy === "rdb" && only !== "postgres" && !redis) {
    const why = manifest.redis?.rdbRefused;
    const reason = why ? ` (the server refused to give one: ${why})` : "";
    throw new BackupError(`${folder} holds no RDB${reason}. Leave --redis-by out to restore from the portable file.`);
  }
  if (!postgres && !redis) throw new BackupError(`${folder} holds nothing of ${only}.`);
  if (redis && !context.redis)
    throw new ConfigurationError([
      { path: "redis", message: "missing: the backup holds Redis too; give its URL, or restore only postgres" },
    ]);
  return { ...(redis ? { redis } : {}), ...(postgres ? { postgres } : {}) };
}

/** What Redis has of it now is marked as a part. */
function half(error: unknown, { signal }: RestoreOptions): never {
  if (!signal?.aborted) throw error;
  throw new BackupError(
    "Stopped while Redis was restored: it may hold a part of the backup. Run the same again: it empties Redis of that part and restores it anew.",
    { cause: error },
  );
}

function meter(phase: RestoreProgress["phase"], { onProgress }: RestoreOptions): PartOptions["onDone"] {
  const rates = new RateMeter();
  return (done, total) => onProgress?.({ phase, done, total, ...rates.measure(done, total - done) });
}

/** A process that serves from the store meanwhile would write into what is removed. */
async function refuseLiveFleet({ redis, postgres }: MigrationContext): Promise<void> {
  const looks = await Promise.all([
    postgres.attempt((store) => store.readLeases(), PAGE_MS).catch(ignoreMissingTable),
    redis?.attempt((store) => store.readLeases(), PAGE_MS) ?? [],
  ]);
  const live = [...new Map(looks.flat().map((lease) => [lease.processId, lease])).values()];
  if (live.length === 0) return;
  const figure = live.map(({ host, pid, strategy }) => `${host}:${pid} ${strategy}`).join(", ");
  const remedy = "Stop these processes and wait 10 s until their leases end.";
  throw new GateRefusedError([{ name: "nobody uses the stores", passed: false, figure, remedy }]);
}

/** An empty database has no leases. */
function ignoreMissingTable(error: { code?: string }): Lease[] {
  if (error.code === "42P01") return [];
  throw error;
}
