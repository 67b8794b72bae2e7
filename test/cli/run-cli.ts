/** Runs the command as a shell would: a process of its own, with nothing on its input and no terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProgram } from "../support/bundle.js";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const OURS = ["REDIS_URL", "REDIS_PASSWORD", "REDIS_TLS_ENABLED", "DATABASE_URL"];

let program: Promise<string> | null = null;

/** Compiled once for a test file: a process that compiles it anew takes four times as long. */
export function cliProgram(): Promise<string> {
  if (program) return program;
  const folder = mkdtempSync(join(tmpdir(), "dual-write-program-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  program = bundleProgram("src/cli/main.ts", folder);
  return program;
}

/** Runs in `folder`; without one, in an empty folder that goes with the process. */
export async function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  folder?: string,
): Promise<{ child: ChildProcess; ran: Promise<Ran> }> {
  const main = await cliProgram();
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.includes(name)));
  const cwd = folder ?? mkdtempSync(join(tmpdir(), "dual-write-cli-"));
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    // Most tests are of something else; those of backups give "" here.
    env: { DUAL_WRITE_WITHOUT_BACKUP: "a test", ...inherited, ...env },
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
  }).finally(() => {
    if (folder === undefined) rmSync(cwd, { recursive: true, force: true });
  });
  return { child, ran };
}

export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<Ran> {
  const { ran } = await startCli(args, env, folder);
  return ran;
}
