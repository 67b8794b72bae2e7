/** Starts the writer process, collects what it tells, and pauses or kills it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { StrategyName } from "../../src/index.js";
import { type Bundled, bundle } from "../servers/bundled.js";
import type { Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import type { Line } from "./writer-process.js";

let bundled: Promise<Bundled> | undefined;
/** Once for each test file: starting the sources would compile them in every process. */
const programs = () => (bundled ??= bundle("test/faults", ["writer-process", "shifted-date"]));

export interface WriterOptions {
  /** Another strategy, if it shall flip between the two all the time. */
  readonly flipTo?: StrategyName;
  /** Milliseconds by which its clock is ahead of this machine's; negative: behind. @default 0 */
  readonly clockShift?: number;
  /** Milliseconds between two operations of a kind. @default 2 */
  readonly pauseMs?: number;
}

export class Writer {
  readonly name: string;
  readonly lines: Line[] = [];
  /** It ended by a signal that it couldn't handle. */
  killed = false;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #errors = "";

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> }).on("line", (line) =>
      this.lines.push(JSON.parse(line) as Line),
    );
    child.stderr?.on("data", (chunk) => (this.#errors += chunk));
    this.#closed = once(child, "close");
  }

  /** Resolves when it has opened its store. */
  static async start(
    pair: Pair,
    name: string,
    strategy: StrategyName,
    { flipTo, clockShift = 0, pauseMs = 2 }: WriterOptions = {},
  ): Promise<Writer> {
    const { program } = await programs();
    const preload = clockShift === 0 ? [] : ["--import", pathToFileURL(program("shifted-date")).href];
    const args = [...preload, program("writer-process"), name, strategy, ...(flipTo ? [flipTo] : [])];
    const child = spawn(process.execPath, args, {
      env: {
        ...process.env,
        REDIS_URL: pair.redis.url,
        DATABASE_URL: pair.databaseUrl,
        CLOCK_SHIFT_MS: String(clockShift),
        PAUSE_MS: String(pauseMs),
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const writer = new Writer(name, child);
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`the writer ended: ${writer.#errors}`);
        return writer.lines.length > 0;
      },
      { what: `the writer ${name} to open its store`, timeoutMs: 30_000 },
    );
    return writer;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it is gone and everything it told has been read. */
  async kill(): Promise<void> {
    this.killed = true;
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Asks it to end as a deploy does: it finishes what is in flight, closes its store, and goes. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#closed;
    if (this.#child.exitCode !== 0) throw new Error(`the writer ${this.name} ended badly: ${this.#errors}`);
  }

  acknowledged(kind: Line["kind"]): Line[] {
    return this.lines.filter((line) => line.kind === kind && line.ok);
  }
}
