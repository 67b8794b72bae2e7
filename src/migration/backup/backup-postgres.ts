/** The part of a backup that holds Postgres. */
import { join } from "node:path";
import { BackupError, ConfigurationError } from "../../errors.js";
import { exportRows } from "../../stores/postgres/export/export-rows.js";
import { type ServerIdentity, serverIdentity } from "../../stores/postgres/statements/server-identity.js";
import { type MigrationContext, PAGE_MS } from "../migration-context.js";
import { checkBackupFile, writeBackupFile } from "./backup-file.js";
import type { BackupFile, PostgresBackup } from "./manifest.js";
import { dumpWithPgDump, libpqEnvironment, majorVersion } from "./pg-dump.js";

export type PostgresMethod = "auto" | PostgresBackup["by"];

const FILE = "postgres.sql.gz";

interface Made {
  readonly postgres: PostgresBackup;
  readonly file: BackupFile;
}

/** Of which database a backup is, and for which one it is asked. */
export function identityOf(context: MigrationContext): Promise<ServerIdentity> {
  return context.postgres.attempt((store) => serverIdentity(store.sql), PAGE_MS);
}

/** By which way a database is to be read; found before Redis is, which may take long. */
export interface PostgresWay {
  readonly identity: ServerIdentity;
  /** Null: by the library's own export. */
  readonly environment: NodeJS.ProcessEnv | null;
}

/** @throws ConfigurationError when pg_dump was asked for and can't be used; the server's error where it can't be reached */
export async function choosePostgresWay(context: MigrationContext, method: PostgresMethod): Promise<PostgresWay> {
  const identity = await identityOf(context);
  return { identity, environment: await pgDumpEnvironment(context, identity, method) };
}

export async function backupPostgres(
  context: MigrationContext,
  folder: string,
  { identity, environment }: PostgresWay,
  signal?: AbortSignal,
): Promise<Made> {
  const path = join(folder, FILE);
  const { server, version } = identity;
  if (environment) {
    const file = await writeBackupFile(path, "postgres", dumpWithPgDump(environment, signal), { signal });
    await expectEnd(path, file, "PostgreSQL database dump complete");
    return { postgres: { server, version, by: "pg_dump", tables: [] }, file };
  }
  const tables: { name: string; rows: number }[] = [];
  const sql = context.postgres.store.dedicated();
  try {
    const rows = exportRows(sql, (table) => tables.push(table));
    const file = await writeBackupFile(path, "postgres", rows, { signal });
    await expectEnd(path, file, "\n-- complete: ");
    return { postgres: { server, version, by: "copy", tables }, file };
  } finally {
    await sql.end({ timeout: 0 }).catch(() => {});
  }
}

async function pgDumpEnvironment(
  { postgres }: MigrationContext,
  { major }: ServerIdentity,
  method: PostgresMethod,
): Promise<NodeJS.ProcessEnv | null> {
  if (method === "copy") return null;
  const program = await majorVersion("pg_dump");
  const environment = await libpqEnvironment(postgres.store.sql);
  if (program !== null && program >= major && environment) return environment;
  if (method === "auto") return null;
  const message =
    program === null
      ? "pg_dump isn't on the PATH; install the PostgreSQL client programs"
      : program < major
        ? `pg_dump ${program} can't dump a server of version ${major}; install that version's or a later one`
        : "pg_dump can't be given these connection options; give a URL instead";
  throw new ConfigurationError([{ path: "postgresBy", message }]);
}

/** The last line proves that nothing was cut off where the checksum couldn't tell. */
async function expectEnd(path: string, file: BackupFile, text: string): Promise<void> {
  if ((await checkBackupFile(path, file)).includes(text)) return;
  throw new BackupError(`${path} doesn't come to its end: "${text.trim()}" is missing. Make another backup.`);
}
