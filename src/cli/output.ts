/** What a command shows: the result on standard output, everything else on standard error. */
import { SingleBar } from "cli-progress";

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly rate: number;
  readonly etaMs: number | null;
  readonly phase: string;
}

export class Output {
  readonly #json: boolean;
  readonly #quiet: boolean;
  #bar: SingleBar | undefined;

  constructor(options: { readonly json: boolean; readonly quiet: boolean }) {
    this.#json = options.json;
    this.#quiet = options.quiet;
  }

  /** The command's result: `json` as one document, or lines for people. */
  result(json: unknown, lines: readonly string[]): void {
    this.end();
    process.stdout.write(this.#json ? `${JSON.stringify(json, null, 2)}\n` : `${lines.join("\n")}\n`);
  }

  /** A remark on the way. */
  note(text: string): void {
    if (!this.#quiet) process.stderr.write(`${text}\n`);
  }

  /** A bar with rate and time left, on a terminal only. */
  progress({ done, total, rate, etaMs, phase }: Progress): void {
    if (this.#quiet || !process.stderr.isTTY) return;
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
}

/** Such as `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
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
