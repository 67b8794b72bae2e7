/** `dual-write backup`: both stores as they stand, in files that were read back. */
import { Command, Option } from "commander";
import type { BackupReport } from "../../migration/backup/backup.js";
import type { PostgresMethod } from "../../migration/backup/backup-postgres.js";
import { backupFolder, withBackupFolder } from "../backup-check.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly label: string;
  readonly backups?: string;
  readonly keepDays?: number;
  readonly after?: string;
  readonly postgresBy?: PostgresMethod;
  readonly rate?: number;
}

export function backupCommand(): Command {
  const command = new Command("backup")
    .description("Writes both stores into files: compressed, with checksums, read back. Changes nothing in them.")
    .option("--label <name>", "what the backup is called, with the time", "nightly")
    .option("--keep-days <days>", "days after which backups of this label are removed (default: 30)", wholeNumber)
    .option("--after <command>", "a shell command that sends it elsewhere; $DUAL_WRITE_BACKUP is its folder")
    .addOption(
      new Option("--postgres-by <way>", "how Postgres is read (default: pg_dump where one is new enough)").choices([
        "auto",
        "pg_dump",
        "copy",
      ]),
    )
    .option("--rate <keys>", "keys of Redis a second at most", wholeNumber)
    .addHelpText(
      "after",
      `
Without pg_dump the rows of all tables are exported, not the tables' definitions.

Example:
  $ dual-write backup --label before-backfill --after 'aws s3 cp --recursive "$DUAL_WRITE_BACKUP" s3://backups/'`,
    );
  return withCommonOptions(withBackupFolder(command)).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.backup({
        folder: backupFolder(options),
        label: options.label,
        keepDays: options.keepDays,
        after: options.after,
        postgresBy: options.postgresBy,
        rate: options.rate,
        signal,
        onProgress: (progress) => output.progress(progress),
      });
      output.result(report, lines(report));
      return EXIT.done;
    }),
  );
}

function lines({ folder, manifest, removed, left, elapsedMs }: BackupReport): string[] {
  const { redis, postgres, files, sent } = manifest;
  return [
    `Backed up in ${duration(elapsedMs)}: ${folder}`,
    ...table(
      ["file", "bytes", "sha256"],
      files.map(({ name, bytes, sha256 }) => [name, bytes, sha256]),
    ),
    postgres.by === "pg_dump" ? "Postgres: by pg_dump." : "Postgres: all rows, without the tables' definitions.",
    redis ? `Redis: ${redis.keys} keys.` : "Redis: not configured, so not in it.",
    ...(redis?.rdbRefused ? [`The server gives no RDB (${redis.rdbRefused}); the portable file has all keys.`] : []),
    ...(sent ? ["Sent by the command given."] : []),
    ...removed.map((name) => `removed: ${name}`),
    ...left.map((name) => `left, since it holds other files: ${name}`),
  ];
}
