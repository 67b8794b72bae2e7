/** Runs a short command to its end and returns what it printed. */
import { execFile } from "node:child_process";

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** Milliseconds after which the command is killed. @default 120000 */
  timeoutMs?: number;
}

export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { timeoutMs = 120_000, ...rest } = options;
  return new Promise((resolve, reject) => {
    const limits = { timeout: timeoutMs, killSignal: "SIGKILL" as const, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, { ...rest, ...limits }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const said = (stderr.trim() || stdout.trim()).slice(-2000);
      reject(new Error(`${command} ${args[0] ?? ""} failed: ${said || cause.message}`, { cause }));
    });
    child.stdin?.end();
  });
}
