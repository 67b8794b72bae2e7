/** Makes a backup of both stores: compressed, with checksums, read back, and only then called one. */
import { mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigurationError } from "../../errors.js";
import { type MigrationContext, withRedis } from "../migration-context.js";
import { makeFolder } from "../run/make-folder.js";
import { RateMeter } from "../run/progress.js";
import { runIssues } from "../run/run-options.js";
import { runAfterHook } from "./after-hook.js";
import { diskError, syncFolder } from "./backup-file.js";
import { backupPostgres, choosePostgresWay, type PostgresMethod } from "./backup-postgres.js";
import { backupRedis } from "./backup-redis.js";
import { type BackupManifest, checkLabel, folderName, writeManifest } from "./manifest.js";
import { partialName, type RemovedBackups, removeOld } from "./remove-old.js";

export interface BackupOptions {
  /** Where backups are kept, each in a folder of its own. Made if it isn't there. */
  readonly folder: string;
  /** What the backup is called, with the time. @default "nightly" */
  readonly label?: string | undefined;
  /** Days after which backups of this label are removed. @default 30 */
  readonly keepDays?: number | undefined;
  /** A shell command that sends the backup elsewhere; see `DUAL_WRITE_BACKUP`. Its failure is a failure. @default none */
  readonly after?: string | undefined;
  /** `auto`: by pg_dump where one is installed that is new enough, else by the library's own export. @default "auto" */
  readonly postgresBy?: PostgresMethod | undefined;
  /** Keys of Redis a second at most. @default as fast as the stores can without suffering */
  readonly rate?: number | undefined;
  /** Stops, and removes what was begun. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

export interface BackupProgress {
  readonly phase: "redis" | "postgres" | "after";
  /** Keys written, and about how many there are. */
  readonly done: number;
  readonly total: number;
  readonly rate: number;
  readonly etaMs: number | null;
}

export interface BackupReport extends RemovedBackups {
  /** Where it stands. */
  readonly folder: string;
  readonly manifest: BackupManifest;
  readonly elapsedMs: number;
}

const LABEL = "nightly";
const KEEP_DAYS = 30;

/**
 * Redis first: what Postgres has beyond it is brought back to Redis by the refill that follows a restore.
 * @throws BackupError; ConfigurationError; the signal's reason. What was begun is removed then.
 */
export async function backup(context: MigrationContext, options: BackupOptions): Promise<BackupReport> {
  const began = performance.now();
  const { label = LABEL, keepDays = KEEP_DAYS, signal, after } = options;
  check(options);
  const way = await choosePostgresWay(context, options.postgresBy ?? "auto");
  const root = resolve(options.folder);
  const createdAt = new Date();
  const name = folderName(label, createdAt);
  const partial = join(root, partialName(name));
  const folder = join(root, name);
  try {
    makeFolder(root);
    await mkdir(partial, { mode: 0o700 });
  } catch (error) {
    refuse(error as NodeJS.ErrnoException);
  }
  const tell = meter(options);
  let manifest: Omit<BackupManifest, "format">;
  try {
    tell("redis", 0, 0);
    const redis = context.redis
      ? await backupRedis(withRedis(context), partial, {
          rate: options.rate,
          signal,
          onKeys: (...keys) => tell("redis", ...keys),
        })
      : null;
    tell("postgres", 0, 0);
    const { postgres, file } = await backupPostgres(context, partial, way, signal);
    const files = [...(redis?.files ?? []), file];
    const sent = after === undefined ? null : false;
    manifest = { label, createdAt: createdAt.toISOString(), sent, redis: redis?.redis ?? null, postgres, files };
    await writeManifest(partial, manifest);
    await syncFolder(partial);
    await rename(partial, folder);
    await syncFolder(root);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") refuse(error as NodeJS.ErrnoException);
    throw diskError(error, partial);
  }
  if (after !== undefined) {
    tell("after", 0, 0);
    await runAfterHook(after, { folder, label, signal });
    manifest = { ...manifest, sent: true };
    await writeManifest(folder, manifest);
  }
  const removed = await removeOld(root, label, keepDays, createdAt);
  return { folder, manifest: { format: 1, ...manifest }, ...removed, elapsedMs: Math.round(performance.now() - began) };
}

function check({ folder, label, keepDays, after, rate }: BackupOptions): void {
  if (label !== undefined) checkLabel(label);
  const issues = runIssues({ rate });
  if (!folder) issues.push({ path: "folder", message: "missing; say where backups are kept" });
  if (keepDays !== undefined && !(Number.isInteger(keepDays) && keepDays >= 1))
    issues.push({ path: "keepDays", message: "a whole number from 1" });
  if (after !== undefined && after.trim() === "") issues.push({ path: "after", message: "an empty command" });
  if (issues.length > 0) throw new ConfigurationError(issues);
}

function refuse(error: NodeJS.ErrnoException): never {
  if (error.code === "EEXIST" || error.code === "ENOTEMPTY")
    throw new ConfigurationError([
      { path: "label", message: "another backup of this label was begun in this same second; run it again" },
    ]);
  throw new ConfigurationError([{ path: "folder", message: error.message }], { cause: error });
}

function meter({ onProgress }: BackupOptions) {
  const rates = new RateMeter();
  return (phase: BackupProgress["phase"], done: number, total: number): void =>
    onProgress?.({ phase, done, total, ...rates.measure(done, total - done) });
}
