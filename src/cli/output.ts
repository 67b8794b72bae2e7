/** What a command shows: the result on standard output, everything else on standard error. */
import { SingleBar } from "cli-progress";
import { duration } from "../migration/html/figures.js";
import type { Progress, RunLog } from "./run-log.js";

export { duration };

/** Moves to the upper left corner and clears the terminal. */
const CLEAR = "\u001b[H\u001b[2J\u001b[3J";

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export class Output {
  readonly #options: OutputOptions;
  #log: RunLog | null = null;
  #bar: SingleBar | undefined;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** From now on all that is shown is written there too. */
  logTo(log: RunLog): void {
    this.#log = log;
  }

  /** The command's result: `json` as one document, or lines for people. */
  result(json: unknown, lines: readonly string[]): void {
    this.end();
    this.#log?.result(json);
    process.stdout.write(this.#document(json, lines));
  }

  /** A result that takes the place of the one before on a terminal; elsewhere they follow one another, each a line as JSON. */
  refresh(json: unknown, lines: readonly string[]): void {
    this.#log?.result(json, { repeated: true });
    if (this.#options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
    else process.stdout.write(`${process.stdout.isTTY ? CLEAR : ""}${lines.join("\n")}\n`);
  }

  /** A remark on the way. */
  note(text: string): void {
    this.#log?.note(text);
    if (!this.#options.quiet) process.stderr.write(`${text}\n`);
  }

  /** A remark for those who asked for all of them. */
  detail(text: string): void {
    this.#log?.note(text);
    if (this.#options.verbose) process.stderr.write(`${text}\n`);
  }

  /** A bar with rate and time left, on a terminal only. */
  progress(progress: Progress): void {
    this.#log?.progress(progress);
    const { done, total, rate, etaMs, phase } = progress;
    if (this.#options.quiet || !process.stderr.isTTY) return;
    if (!this.#bar) {
      this.#bar = new SingleBar({
        format: "{phase} {bar} {percentage}% | {value}/{total} | {rate}/s | {left} left",
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.#bar.start(Math.max(total, done), 0, { phase, rate, left: "?" });
    }
    this.#bar.setTotal(Math.max(total, done));
    this.#bar.update(done, { phase, rate, left: etaMs === null ? "?" : duration(etaMs) });
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #document(json: unknown, lines: readonly string[]): string {
    return this.#options.json ? `${JSON.stringify(json, null, 2)}\n` : `${lines.join("\n")}\n`;
  }
}

/** Rows as aligned columns. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
