/**
 * `npm run explore -- --schedules 2000 --seed 1 [--json] [--strict] [--workers 2]`, or `--replay SEED` for one schedule's trace.
 * With `--servers` on real ones: `--servers [--schedules 50] [--seed N] [--at-once 8] [--json]`.
 */
import { parseArgs } from "node:util";
import { exploreOnServers, type Failed } from "../explorer-on-servers/explore-on-servers.js";
import type { Report } from "./explore.js";
import { OPEN_FINDINGS } from "./open-findings.js";
import { exploreInParallel } from "./parallel.js";
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";
import { shrink } from "./shrink.js";

const { values } = parseArgs({
  options: {
    schedules: { type: "string" },
    seed: { type: "string" },
    servers: { type: "boolean", default: false },
    "at-once": { type: "string", default: "8" },
    workers: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    "until-failure": { type: "boolean", default: false },
    ignore: { type: "string", multiple: true, default: [] },
    replay: { type: "string" },
    shrink: { type: "string" },
    skip: { type: "string", multiple: true, default: [] },
  },
});

const schedules = Number(values.schedules ?? (values.servers ? 50 : 2000));
// What happens on real servers isn't repeated by a seed, so there is no reason to begin with the same plans each time.
const seed = Number(values.seed ?? (values.servers ? Math.floor(Math.random() * 1e9) : 1));
const workers = Number(values.workers);
// An open finding may not hide another failure; `--strict` looks at them all.
const ignore = [...(values.strict ? [] : OPEN_FINDINGS), ...values.ignore];

if (values.servers) await mainOnServers();
else if (values.replay !== undefined) await replay(Number(values.replay));
else if (values.shrink !== undefined) await printShrunk(Number(values.shrink));
else await main();

async function main(): Promise<void> {
  const begun = performance.now();
  const skip = values.skip.map(Number);
  const report = await exploreInParallel(
    { seed, schedules, untilFailure: values["until-failure"], ignore, skip },
    workers,
  );
  tell(report, begun);
  const [first] = report.failures;
  if (first && !values.json) await printShrunk(first.seed);
}

async function mainOnServers(): Promise<void> {
  const begun = performance.now();
  const failed: Failed[] = [];
  const report = await exploreOnServers({
    seed: values.replay === undefined ? seed : Number(values.replay),
    schedules: values.replay === undefined ? schedules : 1,
    atOnce: Number(values["at-once"]),
    untilFailure: values["until-failure"],
    onFailure: (one) => failed.push(one),
  });
  tell(report, begun);
  const [first] = failed;
  if (first && !values.json) console.log(`\nseed ${first.seed}:\n${first.trace.join("\n")}`);
}

function tell(report: Report, begun: number): void {
  const seconds = (performance.now() - begun) / 1000;
  process.exitCode = report.failures.length > 0 ? 1 : 0;
  if (values.json) {
    console.log(JSON.stringify({ ...report, seconds: Number(seconds.toFixed(1)) }));
    return;
  }
  console.log(`${report.schedules} schedules in ${seconds.toFixed(1)} s, ${report.failures.length} failed`);
  for (const failure of report.failures.slice(0, 20))
    console.log(`  seed ${failure.seed}: ${failure.invariant} — ${failure.message}`);
  for (const [situation, count] of Object.entries(report.coverage).sort())
    console.log(`  ${String(count).padStart(7)}  ${situation}`);
}

async function replay(one: number): Promise<void> {
  const { violation, trace } = await runSchedule(makePlan(one), { trace: true, ignore });
  console.log(trace.join("\n"));
  console.log(
    violation ? `seed ${one}: ${violation.invariant} — ${violation.message}` : `seed ${one}: every invariant holds`,
  );
  process.exitCode = violation ? 1 : 0;
}

async function printShrunk(one: number): Promise<void> {
  const shrunk = await shrink(makePlan(one), ignore);
  if (!shrunk) return console.log(`seed ${one}: every invariant holds`);
  console.log(
    `\nseed ${one}, cut down: ${shrunk.invariant} — ${shrunk.message}\n${JSON.stringify(shrunk.plan, null, 1)}\n${shrunk.trace.join("\n")}`,
  );
}
