/** Spreads schedules over processes. They run a bundle: compiling it takes a second, and calls cost a tenth less than under tsx or Vitest. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProgram } from "../support/bundle.js";
import { type ExploreOptions, merged, type Report } from "./explore.js";
import type { Told } from "./worker.js";

/** A schedule that takes longer goes round in circles without a timer. Milliseconds of real time. */
const STUCK_MS = 120_000;

/** Each process takes a consecutive part of the seeds. @throws Error if one dies or gets stuck, with its seed */
export async function exploreInParallel(options: Omit<ExploreOptions, "onSchedule">, workers: number): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), "explorer-"));
  const part = Math.ceil(options.schedules / workers);
  try {
    const program = await bundleProgram("test/explorer/worker.ts", folder);
    const shares = Array.from({ length: workers }, (_, i) => ({
      ...options,
      seed: options.seed + i * part,
      schedules: Math.max(0, Math.min(part, options.schedules - i * part)),
    }));
    return merged(await Promise.all(shares.map((share) => run(program, share))));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(program: string, share: ExploreOptions): Promise<Report> {
  return new Promise((resolve, reject) => {
    let seed = share.seed;
    const child = fork(program, [JSON.stringify(share)], { execArgv: [], env: { ...process.env, NODE_OPTIONS: "" } });
    let stuck = watch(child);
    child.on("message", (told: Told) => {
      clearTimeout(stuck);
      if ("report" in told) {
        resolve(told.report);
        return child.disconnect();
      }
      seed = told.seed;
      stuck = watch(child);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(stuck);
      reject(new Error(`The explorer's process ended with ${code ?? signal} in the schedule of seed ${seed}.`));
    });
  });
}

function watch(child: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => child.kill("SIGKILL"), STUCK_MS);
}
