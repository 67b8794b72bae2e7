/** Starts the worker and hands it one task after another. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProgram } from "../../test/support/bundle.js";
import type { Done, Task, Urls } from "./tasks.js";

export class Worker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Worker> {
    return new Worker(fork(await workerProgram(), { execArgv: [] }));
  }

  /** @throws what the task threw, or that the worker died */
  async run(task: Task, urls: Urls): Promise<Done> {
    const ended = new AbortController();
    try {
      this.#child.send({ task, urls });
      const [answer] = await Promise.race([
        once(this.#child, "message", { signal: ended.signal }),
        once(this.#child, "exit", { signal: ended.signal }).then(([code]) => {
          throw new Error(`the worker ended with ${code}`);
        }),
      ]);
      const { done, error } = answer as { done?: Done; error?: string };
      if (!done) throw new Error(`${task.name}: ${error}`);
      return done;
    } finally {
      ended.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }
}

/** One task in a worker that has done nothing else. */
export async function inFreshWorker(task: Task, urls: Urls): Promise<Done> {
  const worker = await Worker.start();
  try {
    return await worker.run(task, urls);
  } finally {
    await worker.stop();
  }
}

let program: Promise<string> | null = null;

/** Compiled beforehand, with the built package in it: a compiler in the worker would be measured with it. */
function workerProgram(): Promise<string> {
  program ??= mkdtemp(join(tmpdir(), "dual-write-bench-")).then((folder) => {
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    return bundleProgram("bench/migration/worker.ts", folder, "dist/index.js");
  });
  return program;
}
