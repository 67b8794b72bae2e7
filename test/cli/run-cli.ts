/** Runs the command as a shell would: a process of its own, with nothing on its input and no terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { child: ChildProcess; ran: Promise<Ran> } {
  const { REDIS_URL: _redis, DATABASE_URL: _postgres, ...rest } = process.env;
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    env: { ...rest, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ran = new Promise<Ran>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ran };
}

export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return startCli(args, env).ran;
}
