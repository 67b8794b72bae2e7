/** Sets the catcher of a planted bug on it: a hunt for a failing schedule, or a test file, each a process of its own. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hunted } from "./hunt.js";
import { type Catcher, inCopy, type PlantedBug, ROOT } from "./planted-bug.js";

/** `by` names what noticed the bug, `how` says what it saw; null: nothing did. */
export type Caught = { readonly by: string; readonly how: string } | null;

export interface CatchOptions {
  /** The source as it is, in a folder that nobody changes meanwhile. */
  readonly source: string;
  /** How many schedules are tried at most. */
  readonly schedules: number;
  /** A running server for the tests, so that each run needn't start its own. */
  readonly postgresUrl: string;
}

/** @throws Error if the patch has no place, or the catcher itself doesn't run */
export function catchBug(bug: PlantedBug, options: CatchOptions): Promise<Caught> {
  const { caughtBy } = bug;
  return inCopy(options.source, bug, (folder) => {
    switch (caughtBy.kind) {
      case "schedules":
        return caughtBySchedule(folder, caughtBy, options);
      case "servers":
        return caughtOnServers(folder);
      case "test":
        return caughtByTest(folder, caughtBy, options);
    }
  });
}

type Schedules = Extract<Catcher, { kind: "schedules" }>;
type Test = Extract<Catcher, { kind: "test" }>;

async function caughtBySchedule(folder: string, catcher: Schedules, options: CatchOptions): Promise<Caught> {
  for (let seed = 1; seed <= options.schedules; ) {
    const { failure } = await hunt(folder, catcher, seed, options.schedules - seed + 1);
    if (!failure) return null;
    if (failure.invariant === "the explorer itself works")
      throw new Error(`The explorer broke at seed ${failure.seed}: ${failure.message}`);
    // A schedule that fails without the bug as well proves nothing.
    if ((await hunt(options.source, catcher, failure.seed, 1)).failure === null)
      return {
        by: `${catcher.plan ? `"${catcher.plan}", ` : ""}seed ${failure.seed}`,
        how: `${failure.invariant}: ${failure.message}`,
      };
    seed = failure.seed + 1;
  }
  return null;
}

/** How many schedules are tried at most: they run in real time. */
const ON_SERVERS = 48;

/** Nothing repeats a schedule on real servers, so that it isn't tried without the bug: those that fail without one are many tests' matter. */
async function caughtOnServers(folder: string): Promise<Caught> {
  const { failure } = await runHunt(folder, ["--servers"], 1, ON_SERVERS);
  return (
    failure && {
      by: `a schedule on real servers, seed ${failure.seed}`,
      how: `${failure.invariant}: ${failure.message}`,
    }
  );
}

function hunt(folder: string, { plan }: Schedules, seed: number, schedules: number): Promise<Hunted> {
  return runHunt(folder, plan ? ["--plan", plan] : [], seed, schedules);
}

async function runHunt(folder: string, more: readonly string[], seed: number, schedules: number): Promise<Hunted> {
  const script = join(folder, "test/planted/hunt.ts");
  const flags = ["--seed", String(seed), "--schedules", String(schedules), ...more];
  const output = await run(folder, ["--import", "tsx", script, ...flags], {});
  return JSON.parse(output.slice(output.lastIndexOf("\n{") + 1)) as Hunted;
}

/** Vitest's JSON report, as far as it is looked at. */
interface TestReport {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: "passed" | "failed" | "skipped" | "pending" | "todo" | "disabled";
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function caughtByTest(folder: string, { file, name }: Test, options: CatchOptions): Promise<Caught> {
  const results = await runTests(folder, [file], [name], options);
  const failed = results.find(({ status }) => status === "failed");
  return failed
    ? { by: `${file} > ${failed.fullName}`, how: (failed.failureMessages[0] ?? "").split("\n")[0] as string }
    : null;
}

/** The tests that ran. @throws Error if none did: a file that can't be loaded notices nothing */
export async function runTests(
  folder: string,
  files: readonly string[],
  names: readonly string[],
  options: CatchOptions,
) {
  const report = join(folder, `planted-report-${process.pid}.json`);
  const pattern = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  await run(
    folder,
    [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      ...files,
      ...["-t", pattern, "--reporter=json", `--outputFile=${report}`, "--retry=0"],
    ],
    { DUAL_WRITE_TEST_POSTGRES_URL: options.postgresUrl },
  );
  const { testResults } = JSON.parse(await readFile(report, "utf8")) as TestReport;
  const ran = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "passed" || status === "failed");
  if (ran.length === 0)
    throw new Error(
      `No test of ${files.join(", ")} named "${names.join(", ")}" ran. ${testResults.map(({ message }) => message).join(" ")}`,
    );
  return ran;
}

/** What a process printed, however it ended; its complaints come along in the error if it printed nothing. */
function run(folder: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env, VITEST: undefined, NODE_OPTIONS: undefined },
    });
    const [output, errors] = [[] as Buffer[], [] as Buffer[]];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", () => {
      if (output.length > 0) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${args.join(" ")} printed nothing: ${Buffer.concat(errors)}`));
    });
  });
}
