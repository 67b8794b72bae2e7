/** What commands that change much ask for first: a recent backup, or a reason to go on without. */
import type { Command } from "commander";
import { ConfigurationError } from "../errors.js";
import { wholeNumber } from "./numbers.js";
import type { Session } from "./session.js";

export interface BackupCheckOptions {
  readonly backups?: string;
  readonly backupWithin?: number;
  readonly backupFirst?: boolean;
  readonly withoutBackup?: string;
}

/** Where backups are kept, unless said otherwise: beside the log files. */
const BACKUPS = ".dual-write/backups";

export function withBackupCheck(command: Command): Command {
  return withBackupFolder(command)
    .option("--backup-within <hours>", "how old the newest backup may be (default: 24)", wholeNumber)
    .option("--backup-first", "make a backup now, and stop if that fails")
    .option(
      "--without-backup <reason>",
      "go on without one; kept with the decisions (default: DUAL_WRITE_WITHOUT_BACKUP)",
    );
}

export function withBackupFolder(command: Command): Command {
  return command.option("--backups <folder>", `where backups are kept (default: DUAL_WRITE_BACKUPS, or ${BACKUPS})`);
}

export function backupFolder({ backups }: BackupCheckOptions): string {
  return backups || process.env.DUAL_WRITE_BACKUPS || BACKUPS;
}

/** Why there needn't be one; null: there must. @throws ConfigurationError for an empty reason */
export function withoutBackup({ withoutBackup: given, backupFirst }: BackupCheckOptions): string | null {
  if (given !== undefined && given.trim() === "")
    throw new ConfigurationError([{ path: "--without-backup", message: "say why" }]);
  if (given !== undefined && backupFirst)
    throw new ConfigurationError([{ path: "--without-backup", message: "not together with --backup-first" }]);
  return given ?? (backupFirst ? null : process.env.DUAL_WRITE_WITHOUT_BACKUP?.trim() || null);
}

/** @param redis whether Redis is changed too, and must be in the backup. @throws GateRefusedError; BackupError */
export async function ensureBackup(
  { migration, output, signal }: Pick<Session, "migration" | "output" | "signal">,
  options: BackupCheckOptions,
  { redis, label }: { readonly redis: boolean; readonly label: string },
): Promise<void> {
  const reason = withoutBackup(options);
  if (reason !== null) return output.detail(`Without a backup: ${reason}`);
  const folder = backupFolder(options);
  if (options.backupFirst) {
    const made = await migration.backup({ folder, label, signal });
    return output.note(`Backup: ${made.folder}`);
  }
  const found = await migration.requireRecentBackup({ folder, withinHours: options.backupWithin, redis });
  output.detail(`Backup: ${found.folder}`);
}
