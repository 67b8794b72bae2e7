/** `npm run planted`: plants one bug after another in a copy of the source and lets the explorer find each. `--only TEXT`, `--schedules N`. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Report } from "../explorer/explore.js";
import { PLANTED_BUGS, type PlantedBug } from "./bugs.js";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    schedules: { type: "string", default: "3000" },
    seed: { type: "string", default: "1" },
    parallel: { type: "string", default: "2" },
  },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const waiting = PLANTED_BUGS.filter(({ name }) => !values.only || name.includes(values.only));
const missed: string[] = [];

// All texts must be there before the first is planted.
for (const bug of waiting) for (const change of bug.changes) await planted(change, bug.name);
// A seed that fails without any planted bug proves nothing.
const unsound = (await explored(root, ["--workers", values.parallel])).failures.map(({ seed }) => seed);
if (unsound.length > 0) console.log(`left out, since they fail as it is: seeds ${unsound.join(", ")}`);
await Promise.all(Array.from({ length: Number(values.parallel) }, work));
console.log(
  `${waiting.length === 0 ? "all were tried" : ""}; ${missed.length === 0 ? "every planted bug was caught" : `not caught: ${missed.join("; ")}`}`,
);
process.exitCode = missed.length > 0 ? 1 : 0;

async function work(): Promise<void> {
  for (let bug = waiting.shift(); bug; bug = waiting.shift()) {
    const { schedules, failures } = await hunt(bug);
    const [caught] = failures;
    if (!caught) missed.push(bug.name);
    console.log(
      caught
        ? `caught  ${bug.name}\n        by seed ${caught.seed} after ${schedules} schedules: ${caught.invariant}`
        : `MISSED  ${bug.name} in ${schedules} schedules`,
    );
  }
}

/** Explores a copy of the source with the bug in it, until something fails. */
async function hunt(bug: PlantedBug): Promise<Report> {
  const copy = await mkdtemp(join(tmpdir(), "planted-"));
  try {
    for (const part of ["src", "test/explorer", "test/memory", "package.json", "tsconfig.json"])
      await cp(join(root, part), join(copy, part), { recursive: true });
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    for (const change of bug.changes) await writeFile(join(copy, change.file), await planted(change, bug.name));
    return await explored(copy, [
      "--workers",
      "1",
      "--until-failure",
      ...unsound.flatMap((seed) => ["--skip", String(seed)]),
    ]);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** The file's text with the bug in it. @throws Error if there is no place for it, or more than one */
async function planted({ file, search, replace }: PlantedBug["changes"][number], name: string): Promise<string> {
  const source = await readFile(join(root, file), "utf8");
  const places = source.split(search).length - 1;
  if (places !== 1)
    throw new Error(
      `"${name}" can't be planted: its text stands ${places} times in ${file}. Bring test/planted/bugs.ts up to date.\n${search}`,
    );
  return source.replace(search, () => replace);
}

function explored(folder: string, flags: readonly string[]): Promise<Report> {
  const args = [
    "--import",
    "tsx",
    join(folder, "test/explorer/main.ts"),
    "--json",
    ...flags,
    "--schedules",
    String(values.schedules),
    "--seed",
    String(values.seed),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("exit", () => {
      try {
        resolve(JSON.parse(output) as Report);
      } catch {
        reject(new Error(`The explorer ended without a report: ${output.slice(0, 500)}`));
      }
    });
  });
}
