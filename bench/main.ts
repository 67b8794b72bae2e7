/** `npm run bench [-- NAME …] [--quick] [--json|--markdown] [--only PATTERN] [--keys N]` */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { benchBackfill } from "./backfill/backfill.js";
import { benchCost } from "./cost/cost.js";
import { benchFacade } from "./facade/facade.js";
import { COLUMNS, cells, type Figure, isReached, line, markdown } from "./figure.js";
import { benchGrowth } from "./growth/growth.js";
import { benchLimits } from "./limits/limits.js";
import { benchMirror } from "./mirror/mirror.js";
import { benchPromises } from "./promises/promises.js";
import type { Bench, Run } from "./run.js";
import { benchVerify } from "./verify/verify.js";

/** In the order in which they run. */
const BENCHES: Readonly<Record<string, Bench>> = {
  promises: benchPromises,
  facade: benchFacade,
  cost: benchCost,
  mirror: benchMirror,
  limits: benchLimits,
  backfill: benchBackfill,
  verify: benchVerify,
  growth: benchGrowth,
};

const USAGE = `npm run bench [-- ${Object.keys(BENCHES).join("|")} …] [--quick] [--json|--markdown] [--only PATTERN] [--keys N]\n`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    only: { type: "string" },
    keys: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const problem = wrong();
if (values.help || problem) {
  (values.help ? process.stdout : process.stderr).write(problem ? `${problem}\n${USAGE}` : USAGE);
  process.exit(values.help ? 0 : 2);
}

const results: Figure[] = [];
const failures: { bench: string; error: string }[] = [];
const only = values.only === undefined ? null : new RegExp(values.only);
const began = performance.now();
const run: Run = {
  quick: values.quick,
  turns: values.quick ? { count: 3, ms: 200 } : { count: 5, ms: 700 },
  keys: values.keys === undefined ? undefined : Number(values.keys),
  wants: (name) => only?.test(name) ?? true,
  tell: (figure) => {
    results.push(figure);
    show(cells(figure));
  },
};
show(COLUMNS);
if (values.markdown) show(COLUMNS.map(() => "---"));
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
  const start = performance.now();
  try {
    await (BENCHES[name] as Bench)(run);
  } catch (error) {
    // The others' figures are still worth having.
    failures.push({ bench: name, error: (error as Error).message });
    process.stderr.write(`${name} failed: ${(error as Error).stack}\n`);
  }
  process.stderr.write(`${name}: ${secondsSince(start)} s\n`);
}
const seconds = secondsSince(began);
const short = results.filter((figure) => isReached(figure) === false).length;
process.stderr.write(
  `${results.length} figures in ${seconds} s, ${short} short of their aim, ${failures.length} benches failed\n`,
);
if (values.json) {
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model, node: process.version };
  const all = results.map((figure) => ({ ...figure, reached: isReached(figure) }));
  const document = { date: new Date().toISOString(), quick: values.quick, seconds, machine, results: all, failures };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
process.exit(failures.length > 0 ? 1 : 0);

function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 1000);
}

function show(row: readonly string[]): void {
  (values.json ? process.stderr : process.stdout).write(`${values.markdown ? markdown(row) : line(row)}\n`);
}

function wrong(): string | null {
  const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
  if (unknown.length > 0) return `Unknown: ${unknown.join(", ")}`;
  if (values.json && values.markdown) return "--json or --markdown, not both";
  const { keys } = values;
  return keys !== undefined && !(Number.isInteger(Number(keys)) && Number(keys) >= 1000)
    ? "--keys: a whole number from 1000"
    : null;
}
