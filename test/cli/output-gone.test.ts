/** What the command does when nobody reads what it says, or it can't be written. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { cliProgram } from "./run-cli.js";

// Each command is a process that loads everything anew.
vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), "dual-write-output-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A line of the shell in which `plan` is the command. */
async function shell(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const plan = `'${process.execPath}' '${await cliProgram()}' plan --no-log-file`;
  return new Promise((resolve) => {
    execFile("bash", ["-o", "pipefail", "-c", line.replace("plan", plan)], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test("a reader who has gone is no failure", async () => {
  const [one, both] = await Promise.all([shell("plan | head -1"), shell("plan --verbose 2>&1 | head -1")]);
  expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Legacy keys/), stderr: "" });
  expect(both).toMatchObject({ code: 0, stderr: "" });
});

test("a result that can't be written isn't done, and says so in one line; remarks that can't be written are no loss", async () => {
  const [result, remarks] = await Promise.all([shell("plan > /dev/full"), shell("plan --verbose 2> /dev/full")]);
  expect(result.code).toBe(3);
  expect(result.stderr).toMatch(/^The result can't be written to standard output: ENOSPC.* Run it again\.\n$/);
  expect(remarks).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Legacy keys/) });
});
