/** Restores the part of a backup that holds Postgres. */
import { BackupError } from "../../errors.js";
import { applySchema } from "../../schema/migrate.js";
import { exportedTables } from "../../stores/postgres/export/exported-tables.js";
import { ImportError, importObstacles, importRows } from "../../stores/postgres/export/import-rows.js";
import type { MigrationContext } from "../migration-context.js";
import { readBackupFile } from "./backup-file.js";
import { linesOf } from "./lines.js";
import { libpqEnvironment, majorVersion, runWithPsql } from "./pg-dump.js";
import type { Part, PartOptions } from "./restore-part.js";

/** The library's tables: made by its migrations, so they may be missing. */
const OWN =
  /^public\."?(dual_write_|users$|subscriptions$|usage_tracking$|usage_log$|threads$|user_sessions$|analytics_timeseries$)/;

/** @throws BackupError if it can't be restored into this database */
export async function planPostgres(context: MigrationContext, part: Part, force: boolean): Promise<string[]> {
  const { postgres } = part.manifest;
  const of = `of ${part.manifest.createdAt}`;
  const { sql } = context.postgres.store;
  if (postgres.by === "pg_dump") {
    if ((await majorVersion("psql")) === null)
      throw new BackupError(
        "This backup was made by pg_dump, so psql is needed to restore it. Install the PostgreSQL client programs.",
      );
    const tables = await exportedTables(sql);
    if (tables.length > 0 && !force) throw notEmpty(`has the tables ${tables.map(({ name }) => name).join(", ")}`);
    return [`Postgres: psql drops what the backup holds and makes it anew ${of}, in one transaction.`];
  }
  const names = postgres.tables.map(({ name }) => name);
  const { missing, filled } = await importObstacles(sql, names);
  const others = missing.filter((name) => !OWN.test(name));
  if (others.length > 0)
    throw new BackupError(
      `The database lacks ${others.join(", ")}. This backup holds rows, not definitions: run your own migrations first, then restore.`,
    );
  if (filled.length > 0 && !force) throw notEmpty(`has rows in ${filled.join(", ")}`);
  const rows = postgres.tables.reduce((sum, table) => sum + table.rows, 0);
  return [
    ...(missing.length > 0 ? ["Postgres: apply the library's migrations."] : []),
    ...(filled.length > 0 ? [`Postgres: remove all rows of ${filled.join(", ")}.`] : []),
    `Postgres: write ${rows} rows ${of} into ${names.length} tables, in one transaction.`,
  ];
}

export async function restorePostgres(
  context: MigrationContext,
  { path, file, manifest }: Part,
  { replace, signal, onDone }: PartOptions,
): Promise<{ rows: number | null }> {
  const { store } = context.postgres;
  if (manifest.postgres.by === "pg_dump") {
    const environment = await libpqEnvironment(store.sql);
    if (!environment) throw new BackupError("psql can't be given these connection options; give a URL instead.");
    await runWithPsql(environment, readBackupFile(path, file), signal);
    return { rows: null };
  }
  await applySchema(store.sql);
  const names = manifest.postgres.tables.map(({ name }) => name);
  const total = manifest.postgres.tables.reduce((sum, table) => sum + table.rows, 0);
  const sql = store.dedicated();
  try {
    const onRows = (done: number) => {
      signal?.throwIfAborted();
      onDone(done, total);
    };
    return { rows: await importRows(sql, names, linesOf(readBackupFile(path, file)), { replace, onRows }) };
  } catch (error) {
    if (error instanceof ImportError)
      throw new BackupError(`${error.message} Nothing was written to Postgres.`, { cause: error });
    throw error;
  } finally {
    // Ends the transaction too, where it didn't come to its end.
    await sql.end({ timeout: 0 }).catch(() => {});
  }
}

function notEmpty(what: string): BackupError {
  return new BackupError(
    `The database isn't empty: it ${what}. Restore into an empty one, or give force to remove that first.`,
  );
}
