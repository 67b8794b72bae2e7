/** What a run leaves in its log file. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defaultLogFile, RunLog, type RunLogLine, type RunLogStart } from "../../src/cli/run-log.js";
import { runCli } from "./run-cli.js";

// Each command is a process that loads everything anew.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dual-write-log-"));
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function linesOf(file: string): RunLogLine[] {
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RunLogLine);
}

const START: RunLogStart = { command: "verify", arguments: [], version: "1.2.3" };

function openLog(name = "run.jsonl", start = START) {
  const failures: Error[] = [];
  const file = join(folder, "logs", name);
  return { file, failures, log: new RunLog(file, start, (error) => failures.push(error)) };
}

test("has a start, what was told and shown, and an end, in a file for its owner alone", () => {
  const { file, log } = openLog();
  log.note("Working");
  log.progress({ phase: "copy", done: 1, total: 2, rate: 3, etaMs: null });
  log.result({ clean: true });
  log.error(Object.assign(new TypeError("broken"), { code: "X" }), "It broke.");
  log.end(3);
  const lines = linesOf(file);
  expect(lines).toMatchObject([
    { type: "start", command: "verify", version: "1.2.3", pid: process.pid },
    { type: "note", text: "Working" },
    { type: "progress", done: 1, total: 2 },
    { type: "result", result: { clean: true } },
    { type: "error", name: "TypeError", code: "X", message: "It broke." },
    { type: "end", exitCode: 3 },
  ]);
  expect(new Set(lines.map(({ run }) => run)).size).toBe(1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("goes on in a file that is there", () => {
  openLog().log.end(0);
  const { file, log } = openLog();
  log.end(1);
  expect(linesOf(file).map(({ type }) => type)).toEqual(["start", "end", "start", "end"]);
});

test("keeps a sample of progress and of repeated results", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const { file, log } = openLog();
  const progress = (done: number) => log.progress({ phase: "copy", done, total: 9, rate: 1, etaMs: null });
  progress(1);
  progress(2);
  vi.advanceTimersByTime(5001);
  progress(3);
  log.result(1, { repeated: true });
  log.result(2, { repeated: true });
  vi.advanceTimersByTime(30_001);
  log.result(3, { repeated: true });
  log.end(0);
  const kept = linesOf(file).flatMap((line) =>
    line.type === "progress" ? [line.done] : line.type === "result" ? [line.result] : [],
  );
  expect(kept).toEqual([1, 3, 1, 3]);
});

test("holds no password, no email and no key", () => {
  const { file, log } = openLog("private.jsonl", {
    ...START,
    arguments: ["--redis-url", "redis://:secret@word@h:1", "--pattern", "threadr:email:ann@example.org"],
  });
  log.note("redis://h?password=secret and 10.1.2.3");
  log.result({
    examples: [{ kind: "value", key: "threadr:session:secret" }],
    patterns: { "threadr:email:ann@example.org": 1 },
    reason: "ann@example.org has none",
    value: Buffer.from("secret"),
  });
  log.error(new Error("x"), "postgres://app:secret@h/app refused ann@example.org");
  log.end(0);
  const text = readFileSync(file, "utf8");
  expect(text).not.toMatch(/secret|@word|\bann\b|10\.1\.2\.3/);
  expect(text).toContain("redis://:***@h:1");
  expect(text).toContain("threadr:email:#");
});

test("leaves out a result that is too great, and says so", () => {
  const { file, log } = openLog();
  log.result({ text: "x".repeat(1_000_001) });
  log.result({ text: "x".repeat(900_000) });
  log.end(0);
  expect(linesOf(file)[1]).toMatchObject({ type: "note", text: expect.stringMatching(/result isn't kept/) });
  expect(linesOf(file)[2]).toMatchObject({ type: "result" });
});

test("is named for time and command", () => {
  expect(defaultLogFile("rejects list", new Date("2026-11-21T09:30:00Z"))).toBe(
    ".dual-write/logs/2026-11-21T09-30-00-000Z-rejects-list.jsonl",
  );
});

test("of a command stands in .dual-write/logs, or where it was asked for, or nowhere", async () => {
  const nowhere = { DATABASE_URL: "postgres://app:secret-word@127.0.0.1:1/app" };
  writeFileSync(join(folder, "taken"), "");
  const [plain, named, none, impossible] = await Promise.all([
    runCli(["migrate-schema"], nowhere, folder),
    runCli(["migrate-schema", "--log-file", "own.jsonl"], nowhere, folder),
    runCli(["migrate-schema", "--no-log-file", "--verbose"], nowhere, folder),
    runCli(["migrate-schema", "--log-file", "taken/own.jsonl"], nowhere, folder),
  ]);
  expect([plain.code, named.code, none.code, impossible.code]).toEqual([3, 3, 3, 2]);
  expect(impossible.stderr).toMatch(/--log-file: can't be written/);
  const files = readdirSync(join(folder, ".dual-write/logs"));
  expect(files).toEqual([expect.stringMatching(/^\d{4}-.*-migrate-schema\.jsonl$/)]);
  for (const file of [join(folder, ".dual-write/logs", files[0] as string), join(folder, "own.jsonl")]) {
    const lines = linesOf(file);
    expect(lines[0]).toMatchObject({ type: "start", command: "migrate-schema" });
    expect(lines.at(-2)).toMatchObject({ type: "error", message: expect.stringContaining("ECONNREFUSED") });
    expect(lines.at(-1)).toMatchObject({ type: "end", exitCode: 3 });
    expect(readFileSync(file, "utf8")).not.toContain("secret-word");
  }
  expect(none.stderr).toMatch(/postgres: postgres:\/\/app:\*\*\*@127\.0\.0\.1:1\/app/);
  expect(none.stderr + plain.stderr + named.stderr).not.toContain("secret-word");
});
