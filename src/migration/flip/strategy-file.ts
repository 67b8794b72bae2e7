/** The file that processes with `fromFile` follow: read before a flip, and changed in one step. */
import { open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { ConfigurationError } from "../../errors.js";
import { parseStrategy, type StrategyName } from "../../strategy/strategies.js";

/**
 * The strategy that stands there now. A path at which no strategy stands is refused: it is a mistyped one, which nobody follows,
 * or another program's file.
 * @throws ConfigurationError
 */
export async function readStrategyFile(path: string): Promise<StrategyName> {
  try {
    return parseStrategy((await readFile(path, "utf8")).trim(), `the file ${path}`);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing
      ? `there is no file ${path}, so no process can be following it; name the file that they read`
      : `${(cause as Error).message} It isn't touched: name the file that the processes follow`;
    throw new ConfigurationError([{ path: "strategyFile", message }], { cause });
  }
}

/** Readers see the old strategy or the new one, never half a name; a link stays a link. */
export async function writeStrategyFile(path: string, strategy: StrategyName): Promise<void> {
  const target = await realpath(path);
  const { mode, uid, gid } = await stat(target);
  const beside = `${target}.${process.pid}.new`;
  try {
    const file = await open(beside, "wx", mode);
    try {
      await file.writeFile(`${strategy}\n`);
      await file.chmod(mode); // The umask doesn't say who reads it; the old file does.
      await file.chown(uid, gid).catch(() => {}); // Only root may, and only root need.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, target);
  } catch (cause) {
    await unlink(beside).catch(() => {});
    const { message } = cause as Error;
    throw new ConfigurationError([{ path: "strategyFile", message: `${path} can't be written: ${message}` }], {
      cause,
    });
  }
}
