/** The command as a process of its own, run to its end or killed when something holds. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it printed as JSON; empty for anything else. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

const LOOK_EVERY_MS = 5;

export class Program {
  constructor(
    readonly main: string,
    readonly folder: string,
    readonly env: Readonly<Record<string, string>>,
  ) {}

  async run(args: readonly string[]): Promise<Ended> {
    return ended(this.#start(args));
  }

  /** Kills it without a warning as soon as `isTime`, unless it ends before. */
  async runUntil(args: readonly string[], isTime: () => Promise<boolean>): Promise<Ended> {
    const child = this.#start(args);
    const end = ended(child);
    while (child.exitCode === null && child.signalCode === null) {
      if (await isTime()) child.kill("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return end;
  }

  #start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [this.main, ...args], {
      cwd: this.folder,
      env: { ...process.env, DUAL_WRITE_WITHOUT_BACKUP: "a test", ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const report = stdout.startsWith("{") ? (JSON.parse(stdout) as Record<string, unknown>) : {};
      resolve({ code, signal, report, stderr });
    });
  });
}
