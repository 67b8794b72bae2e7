/** Runs one server as a child process that can be killed and started again, and that never outlives this process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { waitFor } from "../support/wait-for.js";
import { childProcesses, isAlive, sendSignal } from "./child-processes.js";
import { startGuard } from "./server-guard.js";

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** The process that runs now, or that ran last; another one after `restart`. */
  readonly pid: number;
  /** Sends `signal` (SIGKILL unless told) to the server and what it forked, and waits for their end unless it only pauses. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the server in good order and removes its folder if it was a temporary one. */
  stop(): Promise<void>;
  /** Starts the server again with the same port and data, ending it first if it runs. */
  restart(): Promise<void>;
}

export interface ServerPlan {
  /** For messages: "Postgres", "Redis". */
  name: string;
  url: string;
  port: number;
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  uid?: number | undefined;
  gid?: number | undefined;
  cwd: string;
  logFile: string;
  /** Removed by `stop` and when this process ends. */
  temporaryFolder: string | undefined;
  /** Ends the server quickly and in good order. */
  stopSignal: NodeJS.Signals;
  /** Ends the server at once, taking along what it forked. */
  abortSignal: NodeJS.Signals;
  isReady(pid: number): Promise<boolean>;
  /** Removes what a killed server leaves outside its folder. */
  afterKill?(): Promise<void>;
}

/** The server ended before it was ready. `log` is the end of what it wrote. */
export class ServerStartError extends Error {
  readonly log: string;

  constructor(name: string, reason: string, log: string) {
    super(`${name} did not start: ${reason}\n${log}`);
    this.name = "ServerStartError";
    this.log = log;
  }
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const PAUSING: readonly string[] = ["SIGSTOP", "SIGCONT", "SIGHUP", "SIGUSR1", "SIGUSR2"];

export async function runServer(plan: ServerPlan): Promise<RunningServer> {
  const guard = startGuard(plan.abortSignal.slice(3), plan.temporaryFolder);
  let child = launch(plan);
  let stopped: Promise<void> | undefined;

  async function start(): Promise<void> {
    guard.watch(child.pid);
    await untilReady(plan, child);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!hasEnded(child)) {
      const ended = once(child, "exit");
      child.ref();
      // A paused server answers nothing but SIGKILL.
      if (signal !== "SIGKILL") await signalAll(child, "SIGCONT");
      if (signal === "SIGKILL") await killAll(child);
      else sendSignal(child.pid as number, signal);
      const late = setTimeout(() => void killAll(child), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(late);
    }
    guard.watch(undefined);
  }

  async function finish(): Promise<void> {
    await end(plan.stopSignal);
    await plan.afterKill?.();
    if (plan.temporaryFolder !== undefined) await rm(plan.temporaryFolder, { recursive: true, force: true });
    await guard.release();
  }

  const server: RunningServer = {
    url: plan.url,
    port: plan.port,
    get pid() {
      return child.pid as number;
    },
    kill: async (signal = "SIGKILL") => {
      if (PAUSING.includes(signal)) await signalAll(child, signal);
      else await end(signal);
    },
    stop: () => {
      stopped ??= finish();
      return stopped;
    },
    restart: async () => {
      if (stopped !== undefined) throw new Error(`${plan.name} was stopped and its folder removed: start a new one.`);
      await end(plan.stopSignal);
      child = launch(plan);
      await start();
    },
  };
  try {
    await start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function launch(plan: ServerPlan): ChildProcess {
  const log = openSync(plan.logFile, "a");
  const { uid, gid } = plan;
  // Detached: Ctrl-C in a terminal reaches this process, which may still need its server.
  const child = spawn(plan.command, plan.args, {
    cwd: plan.cwd,
    env: plan.env,
    stdio: ["ignore", log, log],
    detached: true,
    ...(uid === undefined ? {} : { uid, gid }),
  });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
  return child;
}

async function untilReady(plan: ServerPlan, child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) throw new ServerStartError(plan.name, `${plan.command} can't be run.`, "");
  try {
    await waitFor(async () => hasEnded(child) || (await plan.isReady(pid)), {
      timeoutMs: START_TIMEOUT_MS,
      everyMs: 15,
    });
  } catch {
    throw new ServerStartError(plan.name, `not ready after ${START_TIMEOUT_MS / 1000} s.`, await endOfLog(plan));
  }
  if (hasEnded(child)) throw new ServerStartError(plan.name, "the process ended.", await endOfLog(plan));
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function signalAll(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const pid = child.pid as number;
  for (const each of [pid, ...(await childProcesses(pid))]) sendSignal(each, signal);
}

/** Leaves nothing of the server: what it forked may otherwise go on working for a while, and bar a restart. */
async function killAll(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const pid = child.pid as number;
  // Paused first, so that it forks nothing between the listing and the kill.
  sendSignal(pid, "SIGSTOP");
  const forked = await childProcesses(pid);
  sendSignal(pid, "SIGKILL");
  for (const each of forked) sendSignal(each, "SIGKILL");
  for (const each of forked) {
    await waitFor(async () => !(await isAlive(each)), { timeoutMs: STOP_TIMEOUT_MS, everyMs: 5 });
  }
}

async function endOfLog(plan: ServerPlan): Promise<string> {
  const text = await readFile(plan.logFile, "utf8").catch(() => "");
  return text.slice(-2000);
}
