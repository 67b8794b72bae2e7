/** What a backup says of itself. A folder without it isn't a backup. */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BackupError, ConfigurationError } from "../../errors.js";

export const MANIFEST = "manifest.json";
const FORMAT = 1;

export interface BackupFile {
  readonly name: string;
  readonly holds: "redis-keys" | "redis-rdb" | "postgres";
  /** Of the compressed file. */
  readonly bytes: number;
  readonly sha256: string;
  /** Of its content. */
  readonly contentBytes: number;
}

export interface RedisBackup {
  /** Run id and database; see `serverOf`. */
  readonly server: string;
  readonly version: string;
  /** Keys in the portable file; one that SCAN gave twice counts twice. */
  readonly keys: number;
  /** Why the server gave no RDB; null: it did. */
  readonly rdbRefused: string | null;
}

export interface PostgresBackup {
  /** System identifier and database. */
  readonly server: string;
  readonly version: string;
  /** `copy`: the library's own export of all rows, without the tables' definitions. */
  readonly by: "pg_dump" | "copy";
  /** By `copy` only: the tables, in the order of the file. */
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
}

export interface BackupManifest {
  readonly format: number;
  readonly label: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Whether the command that sends it elsewhere succeeded; null: none was asked for. */
  readonly sent: boolean | null;
  readonly redis: RedisBackup | null;
  readonly postgres: PostgresBackup;
  readonly files: readonly BackupFile[];
}

export interface FoundBackup {
  readonly folder: string;
  readonly manifest: BackupManifest;
}

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const STAMP = /^\d{8}T\d{6}Z$/;

/** @throws ConfigurationError */
export function checkLabel(label: string): void {
  if (LABEL.test(label)) return;
  throw new ConfigurationError([
    { path: "label", message: "1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit" },
  ]);
}

/** `nightly`, 21 November 2026 → `nightly-20261121T030000Z`. */
export function folderName(label: string, createdAt: Date): string {
  return `${label}-${createdAt.toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "")}`;
}

/** Whether a folder of this name is a backup of exactly this label. */
export function hasLabel(name: string, label: string): boolean {
  return name.startsWith(`${label}-`) && STAMP.test(name.slice(label.length + 1));
}

/** By way of another name, so that a manifest is there whole or not at all. */
export async function writeManifest(folder: string, manifest: Omit<BackupManifest, "format">): Promise<void> {
  const temporary = join(folder, `${MANIFEST}.partial`);
  const text = `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`;
  await writeFile(temporary, text, { mode: 0o600, flush: true });
  await rename(temporary, join(folder, MANIFEST));
}

/** @throws BackupError if the folder holds no backup that this version reads */
export async function readManifest(folder: string): Promise<BackupManifest> {
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(await readFile(join(folder, MANIFEST), "utf8")) as BackupManifest;
  } catch (cause) {
    throw new BackupError(
      `${folder} isn't a complete backup: its ${MANIFEST} can't be read (${(cause as Error).message}).`,
      { cause },
    );
  }
  if (manifest?.format !== FORMAT || !Array.isArray(manifest.files))
    throw new BackupError(`${folder} was made by a version of dual-write-store whose backups this one can't read.`);
  return manifest;
}

/** Every complete backup in a folder, the newest first. What else is there is passed over. */
export async function findBackups(root: string): Promise<FoundBackup[]> {
  const found: FoundBackup[] = [];
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const entry of entries.filter((one) => one.isDirectory() && !one.name.startsWith("."))) {
    const folder = join(root, entry.name);
    const manifest = await readManifest(folder).catch(() => null);
    if (manifest && hasLabel(entry.name, manifest.label)) found.push({ folder, manifest });
  }
  return found.sort((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt));
}
