/** What the restores of both stores have in common. */
import type { BackupFile, BackupManifest } from "./manifest.js";

/** A part of a backup that is to be restored. */
export interface Part {
  readonly path: string;
  readonly file: BackupFile;
  readonly manifest: BackupManifest;
}

export interface PartOptions {
  /** What stands there is removed first. */
  readonly replace: boolean;
  readonly signal: AbortSignal | undefined;
  /** Told of keys or rows written, and how many there are. */
  readonly onDone: (done: number, total: number) => void;
}
