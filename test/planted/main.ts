/** `npm run planted`: plants one bug after another in a copy of the source and says who caught it. `--only TEXT`, `--schedules N`, `--parallel N`. */
import { parseArgs } from "node:util";
import { startPostgres } from "../servers/postgres-server.js";
import { PLANTED_BUGS } from "./bugs.js";
import { type CatchOptions, catchBug, runTests } from "./catch.js";
import { inCopy, type PlantedBug, plantedFiles, ROOT } from "./planted-bug.js";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    schedules: { type: "string", default: "4000" },
    parallel: { type: "string", default: "2" },
  },
});
const bugs = PLANTED_BUGS.filter(({ name }) => !values.only || name.includes(values.only));
if (bugs.length === 0) throw new Error(`No planted bug's name contains "${values.only}".`);
const missed: string[] = [];
const begun = performance.now();

// All patches must have their place before the first is planted.
for (const bug of bugs) await plantedFiles(bug);
const postgres = await startPostgres({ config: { fsync: "off", full_page_writes: "off" } });
try {
  await inCopy(ROOT, null, (source) =>
    plantAll({ source, schedules: Number(values.schedules), postgresUrl: postgres.url }),
  );
} finally {
  await postgres.stop();
}
console.log(
  `${bugs.length - missed.length} of ${bugs.length} planted bugs were caught in ${seconds()} s${missed.length === 0 ? "" : `; not caught: ${missed.join("; ")}`}`,
);
process.exitCode = missed.length > 0 ? 1 : 0;

async function plantAll(options: CatchOptions): Promise<void> {
  await checkTests(options);
  const waiting = [...bugs];
  await Promise.all(
    Array.from({ length: Number(values.parallel) }, async () => {
      for (let bug = waiting.shift(); bug; bug = waiting.shift()) await plant(bug, options);
    }),
  );
}

async function plant(bug: PlantedBug, options: CatchOptions): Promise<void> {
  const caught = await catchBug(bug, options).catch((error: Error) => error);
  if (caught === null || caught instanceof Error) missed.push(bug.name);
  if (caught instanceof Error) console.log(`BROKEN  ${bug.name}\n        ${caught.message}`);
  else if (caught === null) console.log(`MISSED  ${bug.name}`);
  else console.log(`caught  ${bug.name}\n        by ${caught.by}\n        ${caught.how.slice(0, 160)}`);
}

/** A test that fails without any planted bug notices nothing. @throws Error then */
async function checkTests(options: CatchOptions): Promise<void> {
  const tests = bugs.flatMap(({ caughtBy }) => (caughtBy.kind === "test" ? [caughtBy] : []));
  const files = [...new Set(tests.map(({ file }) => file))];
  if (files.length === 0) return;
  const results = await runTests(options.source, files, [...new Set(tests.map(({ name }) => name))], options);
  const failed = results.filter(({ status }) => status === "failed");
  if (failed.length > 0)
    throw new Error(`These tests fail without any bug: ${failed.map(({ fullName }) => fullName).join("; ")}`);
  console.log(`${results.length} tests that are to notice bugs pass without one, ${seconds()} s`);
}

function seconds(): string {
  return ((performance.now() - begun) / 1000).toFixed(0);
}
