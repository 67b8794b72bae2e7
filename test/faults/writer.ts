/** Starts the writer process, collects what it tells, and pauses or kills it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { StrategyName } from "../../src/index.js";
import type { Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import type { Line } from "./writer-process.js";

const SCRIPT = fileURLToPath(new URL("./writer-process.ts", import.meta.url));

export class Writer {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #errors = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> }).on("line", (line) =>
      this.lines.push(JSON.parse(line) as Line),
    );
    child.stderr?.on("data", (chunk) => (this.#errors += chunk));
    this.#closed = once(child, "close");
  }

  /** Resolves when it has opened its store. */
  static async start(pair: Pair, name: string, strategy: StrategyName, flipTo?: StrategyName): Promise<Writer> {
    const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, name, strategy, ...(flipTo ? [flipTo] : [])], {
      env: { ...process.env, REDIS_URL: pair.redis.url, DATABASE_URL: pair.databaseUrl },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const writer = new Writer(child);
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
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  acknowledged(kind: Line["kind"]): Line[] {
    return this.lines.filter((line) => line.kind === kind && line.ok);
  }
}
