/** Finds and ends the processes that a server has forked. */
import { readdir, readFile } from "node:fs/promises";
import { runCommand } from "./run-command.js";

export async function childProcesses(parent: number): Promise<number[]> {
  const all = process.platform === "linux" ? await readProc() : await askPs();
  return all.filter(([, itsParent]) => itsParent === parent).map(([pid]) => pid);
}

/** Whether the process runs; one that has ended but wasn't collected by its parent counts as gone. */
export async function isAlive(pid: number): Promise<boolean> {
  if (process.platform === "linux") {
    const fields = await readStat(pid);
    return fields !== undefined && fields[0] !== "Z" && fields[0] !== "X";
  }
  return sendSignal(pid, 0);
}

/** False when there is no such process. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function readProc(): Promise<[pid: number, parent: number][]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<[number, number]> => [pid, Number((await readStat(pid))?.[1] ?? -1)]),
  );
  return found;
}

/** The fields after the command's name, which may itself hold blanks: state, parent, … */
async function readStat(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

async function askPs(): Promise<[pid: number, parent: number][]> {
  const lines = (await runCommand("ps", ["-A", "-o", "pid=,ppid="])).trim().split("\n");
  return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}
