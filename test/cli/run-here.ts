/** Runs the command within this process, which takes a tenth of the time of a process of its own. One at a time. */
import { CommanderError } from "commander";
import { EXIT, exitCodeOf } from "../../src/cli/exit-codes.js";
import { explain } from "../../src/cli/explain.js";
import { makeProgram } from "../../src/cli/program.js";
import type { Ran } from "./run-cli.js";

/** As main.ts does it; writes no log file unless one is named. */
export async function runHere(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile?: string,
): Promise<Ran> {
  const before = { env: process.env, exitCode: process.exitCode, out: process.stdout.write, err: process.stderr.write };
  const said = { stdout: "", stderr: "" };
  const take = (name: keyof typeof said) =>
    ((text: string | Uint8Array) => {
      said[name] += Buffer.from(text as string).toString();
      return true;
    }) as typeof process.stdout.write;
  process.env = { ...before.env, DUAL_WRITE_WITHOUT_BACKUP: "a test", ...env };
  process.stdout.write = take("stdout");
  process.stderr.write = take("stderr");
  process.exitCode = undefined;
  let code: number;
  try {
    const log = logFile === undefined ? ["--no-log-file"] : ["--log-file", logFile];
    await makeProgram().parseAsync([...args, ...log], { from: "user" });
    code = Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (!(error instanceof CommanderError)) said.stderr += `${explain(error)}\n`;
    code = exitCodeOf(error);
  } finally {
    process.env = before.env;
    process.exitCode = before.exitCode;
    process.stdout.write = before.out;
    process.stderr.write = before.err;
  }
  return { code, ...said };
}
