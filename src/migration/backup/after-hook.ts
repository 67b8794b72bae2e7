/** Runs the operator's own command once a backup is complete, such as one that copies it to another place. */
import { spawn } from "node:child_process";
import { BackupError } from "../../errors.js";

const OUTPUT_LIMIT = 2000;

/**
 * By the shell, with the folder as the environment variable `DUAL_WRITE_BACKUP` and the label as `DUAL_WRITE_BACKUP_LABEL`. What it
 * says goes to standard error, so that a command's own output stays clean.
 * @throws BackupError if it doesn't end with 0
 */
export async function runAfterHook(
  command: string,
  { folder, label, signal }: { folder: string; label: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const child = spawn(command, {
    shell: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DUAL_WRITE_BACKUP: folder, DUAL_WRITE_BACKUP_LABEL: label },
    signal,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-OUTPUT_LIMIT);
      process.stderr.write(text);
    });
  }
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, by) => resolve(status ?? by));
  });
  if (code === 0) return;
  throw new BackupError(
    `The backup is complete in ${folder}, but the command that sends it elsewhere failed (${code}). It doesn't count as a backup; send it, or run it again.${said ? `\n${said.trim()}` : ""}`,
  );
}
