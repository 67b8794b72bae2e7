/** Runs the command as a shell would: a process of its own, with nothing on its input and no terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const OURS = ["REDIS_URL", "REDIS_PASSWORD", "REDIS_TLS_ENABLED", "DATABASE_URL"];

/** Runs in `folder`; without one, in an empty folder that goes with the process. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  folder?: string,
): { child: ChildProcess; ran: Promise<Ran> } {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.includes(name)));
  const cwd = folder ?? mkdtempSync(join(tmpdir(), "dual-write-cli-"));
  const child = spawn(process.execPath, ["--import", TSX, MAIN, ...args], {
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

export function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<Ran> {
  return startCli(args, env, folder).ran;
}
