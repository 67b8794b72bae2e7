/** Runs one of the demo's programs as a child process that never outlives this one. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";

/** Characters kept of what a program prints, for the report of its death. */
const LOG_LIMIT = 8000;
const STOP_TIMEOUT_MS = 20_000;

export interface Program {
  readonly child: ChildProcess;
  readonly running: boolean;
  /** The end of what it printed. */
  readonly log: string;
  /** The first message that it sends. @throws Error with its log if it ends before */
  firstMessage<T>(): Promise<T>;
  /** Asks it to end in good order; after a while it is killed. */
  stop(): Promise<void>;
}

/** Programs that run now; the demo ends them on every way out. */
const running = new Set<Program>();

export function startProgram(path: string, env: Record<string, string | undefined>): Program {
  const child = fork(path, [], {
    // Not this process's: the programs are bundled, and need no loader.
    execArgv: [],
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-LOG_LIMIT);
    });
  }
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const program: Program = {
    child,
    get running() {
      return isRunning();
    },
    get log() {
      return log;
    },
    firstMessage: <T>() =>
      new Promise<T>((resolve, reject) => {
        const died = () => reject(new Error(`${basename(path)} ended before it was ready:\n${log}`));
        child.once("exit", died);
        child.once("error", reject);
        child.once("message", (message) => {
          child.off("exit", died);
          resolve(message as T);
        });
      }),
    stop: async () => {
      if (!isRunning()) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await gone;
      clearTimeout(late);
    },
  };
  running.add(program);
  child.once("exit", () => running.delete(program));
  return program;
}

export async function stopPrograms(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
}

/** For the programs themselves: Ctrl-C reaches the whole group, but it is the demo that ends them, or its own end. */
export function livesWithParent(): void {
  process.on("SIGINT", () => {});
  process.once("disconnect", () => process.exit(0));
}
