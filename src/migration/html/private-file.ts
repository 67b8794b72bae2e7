/** Writes a file that only its owner can read. */
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { ConfigurationError } from "../../errors.js";

/**
 * Whole or not at all: what stood there before, with whatever rights, is replaced.
 * @throws ConfigurationError when it can't be written
 */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString("hex")}.part`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: "wx" });
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new ConfigurationError([{ path: file, message: `can't be written: ${(cause as Error).message}` }], { cause });
  }
}
