/** Removes the tool's own old backups of one label, and nothing else. */
import { readdir, rm, rmdir, stat, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { findBackups, hasLabel, MANIFEST } from "./manifest.js";

const DAY_MS = 86_400_000;

export interface RemovedBackups {
  /** Names of the folders that went. */
  readonly removed: readonly string[];
  /** Folders that hold something else beside an old backup; that stands. */
  readonly left: readonly string[];
}

export async function removeOld(root: string, label: string, keepDays: number, now: Date): Promise<RemovedBackups> {
  const removed: string[] = [];
  const left: string[] = [];
  for (const { folder, manifest } of await findBackups(root)) {
    if (manifest.label !== label || now.getTime() - Date.parse(manifest.createdAt) < keepDays * DAY_MS) continue;
    // The manifest first: what is left of it then doesn't pass for a backup.
    for (const name of [MANIFEST, ...manifest.files.map((file) => basename(file.name))])
      await unlink(join(folder, name)).catch(ignoreMissing);
    await rmdir(folder).then(
      () => removed.push(basename(folder)),
      () => left.push(basename(folder)),
    );
  }
  await removeAbandoned(root, label, now);
  return { removed, left };
}

/** What a backup is called while it is being made. */
export function partialName(name: string): string {
  return `.${name}.partial`;
}

/** Those that were killed more than a day ago. */
async function removeAbandoned(root: string, label: string, now: Date): Promise<void> {
  for (const name of await readdir(root)) {
    const inner = /^\.(.+)\.partial$/.exec(name)?.[1];
    if (inner === undefined || !hasLabel(inner, label)) continue;
    const { mtimeMs } = await stat(join(root, name));
    if (now.getTime() - mtimeMs > DAY_MS) await rm(join(root, name), { recursive: true, force: true });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
