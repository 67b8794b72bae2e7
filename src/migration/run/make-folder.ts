/** Makes a folder, and those above it that aren't there, for its owner only. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * One after another: Node's own `recursive` never returns where a file system such as /proc refuses new folders.
 * @throws the file system's error
 */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process makes it too.
    if (!existsSync(path)) throw error;
  }
}
