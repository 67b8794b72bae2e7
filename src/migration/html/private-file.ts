/** Writes a file that only its owner can read. */
import { randomBytes } from "node:crypto";
import { access, constants, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigurationError } from "../../errors.js";

/** Before a long run at whose end it is written. @throws ConfigurationError when it can't be */
export async function checkPrivateFile(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (cause) {
    throw unwritable(file, cause as Error);
  }
}

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
    throw unwritable(file, cause as Error);
  }
}

function unwritable(file: string, cause: Error): ConfigurationError {
  return new ConfigurationError([{ path: file, message: `can't be written: ${cause.message}` }], { cause });
}
