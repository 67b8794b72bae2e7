/** What a run leaves in its log file: one JSON document a line, for `dual-write report` and for people who look back. */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { makeFolder } from "../migration/run/make-folder.js";
import { maskResult, maskText } from "./masks.js";

/** How far a run has come. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** A second. */
  readonly rate: number;
  /** Milliseconds left; null while that can't be told. */
  readonly etaMs: number | null;
  readonly phase: string;
}

/** Lines of one run, in this order: a start, any number of the middle ones, an end unless the process was killed. */
export type RunLogLine = { readonly at: string; readonly run: string } & (
  | {
      readonly type: "start";
      /** Such as `backfill`, or `rejects list`. */
      readonly command: string;
      readonly arguments: readonly string[];
      readonly version: string;
      readonly host: string;
      readonly pid: number;
    }
  /** What was said on the way. */
  | { readonly type: "note"; readonly text: string }
  /** How far it had come; at most one in PROGRESS_MS. */
  | ({ readonly type: "progress" } & Progress)
  /** What `--json` prints, with keys and values hashed; of a command that repeats itself, at most one in RESULT_MS. */
  | { readonly type: "result"; readonly result: unknown }
  | { readonly type: "error"; readonly name: string; readonly code: string | null; readonly message: string }
  | { readonly type: "end"; readonly exitCode: number; readonly elapsedMs: number }
);

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Content = DistributiveOmit<RunLogLine, "at" | "run">;

export const PROGRESS_MS = 5000;
export const RESULT_MS = 30_000;
/** A greater result isn't written. Characters. */
const LARGEST_RESULT = 1_000_000;

export interface RunLogStart {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly version: string;
}

/** `./.dual-write/logs/2026-11-21T09-30-00-000Z-backfill.jsonl` */
export function defaultLogFile(command: string, now = new Date()): string {
  const time = now.toISOString().replaceAll(/[:.]/g, "-");
  return `.dual-write/logs/${time}-${command.replaceAll(" ", "-")}.jsonl`;
}

export class RunLog {
  readonly file: string;
  readonly #descriptor: number;
  readonly #run = randomUUID();
  readonly #began = performance.now();
  #progressAt = Number.NEGATIVE_INFINITY;
  #resultAt = Number.NEGATIVE_INFINITY;
  readonly #onFailure: (error: Error) => void;
  #closed = false;

  /**
   * Opens, or goes on in, a file that only its owner can read. `onFailure`: a line couldn't be written, and none will be any more.
   * @throws the file system's error
   */
  constructor(file: string, { arguments: given, ...start }: RunLogStart, onFailure: (error: Error) => void) {
    makeFolder(dirname(file));
    this.file = file;
    this.#onFailure = onFailure;
    this.#descriptor = openSync(file, "a", 0o600);
    this.#write({ type: "start", ...start, arguments: given.map(maskText), host: hostname(), pid: process.pid });
  }

  note(text: string): void {
    this.#write({ type: "note", text: maskText(text) });
  }

  progress(progress: Progress): void {
    if (performance.now() - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = performance.now();
    this.#write({ type: "progress", ...progress });
  }

  /** `repeated`: another will follow in a moment, so that not each is worth a line. */
  result(result: unknown, { repeated = false } = {}): void {
    if (repeated && performance.now() - this.#resultAt < RESULT_MS) return;
    this.#resultAt = performance.now();
    const size = JSON.stringify(result).length;
    if (size > LARGEST_RESULT) this.note(`The result isn't kept here: ${size} characters.`);
    else this.#write({ type: "result", result: maskResult(result) });
  }

  error(error: unknown, message: string): void {
    const { name = "Error", code } = error as { name?: string; code?: unknown };
    this.#write({ type: "error", name, code: typeof code === "string" ? code : null, message: maskText(message) });
  }

  end(exitCode: number): void {
    this.#write({ type: "end", exitCode, elapsedMs: Math.round(performance.now() - this.#began) });
    this.#close();
  }

  #write(content: Content): void {
    if (this.#closed) return;
    const line = { at: new Date().toISOString(), run: this.#run, ...content } as RunLogLine;
    try {
      writeSync(this.#descriptor, `${JSON.stringify(line)}\n`);
    } catch (error) {
      // A full disk is no reason to stop a migration.
      this.#close();
      this.#onFailure(error as Error);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#descriptor);
  }
}
