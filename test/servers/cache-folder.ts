/** Keeps what is slow to obtain (binaries, initialised clusters) in the user's cache folder. */
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isOpenToAll } from "./server-account.js";

const ABANDONED_AFTER_MS = 3_600_000;

/** `$XDG_CACHE_HOME` or `~/.cache`; root, whose home is usually closed to the servers' account, may get `/var/cache`. */
export async function cacheFolder(): Promise<string> {
  const isRoot = process.getuid?.() === 0;
  const usual = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  for (const parent of isRoot ? [usual, "/var/cache"] : [usual]) {
    const folder = join(parent, "dual-write-store");
    if (isRoot && !(await isOpenToAll(parent))) continue;
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    if (!isRoot || (await isOpenToAll(folder))) return folder;
  }
  throw new Error(`The account nobody can't reach ${usual}: set XDG_CACHE_HOME to a folder that is open to all.`);
}

/**
 * Returns the cached folder `name`, built by `build` if it is missing.
 * Built aside and renamed, so that of several processes at once one wins and the others use what it made.
 */
export async function cached(name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const parent = await cacheFolder();
  const finished = join(parent, name);
  if (await exists(finished)) return finished;
  await removeAbandoned(parent, `${name}.building-`);
  const building = await mkdtemp(join(parent, `${name}.building-`));
  try {
    await chmod(building, 0o755);
    await build(building);
    await rename(building, finished);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
  return finished;
}

async function removeAbandoned(parent: string, prefix: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    if (!entry.startsWith(prefix)) continue;
    const made = await stat(join(parent, entry)).catch(() => undefined);
    if (made === undefined || Date.now() - made.mtimeMs < ABANDONED_AFTER_MS) continue;
    await rm(join(parent, entry), { recursive: true, force: true });
  }
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
