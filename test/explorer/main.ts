/** `npm run explore -- --schedules 2000 --seed 1 [--json] [--strict] [--workers 2]`, or `--replay SEED` for one schedule's trace. */
import { parseArgs } from "node:util";
import { OPEN_FINDINGS } from "./open-findings.js";
import { exploreInParallel } from "./parallel.js";
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";
import { shrink } from "./shrink.js";

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
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

const [schedules, seed, workers] = [Number(values.schedules), Number(values.seed), Number(values.workers)];
// An open finding may not hide another failure; `--strict` looks at them all.
const ignore = [...(values.strict ? [] : OPEN_FINDINGS), ...values.ignore];

if (values.replay !== undefined) await replay(Number(values.replay));
else if (values.shrink !== undefined) await printShrunk(Number(values.shrink));
else await main();

async function main(): Promise<void> {
  const begun = performance.now();
  const skip = values.skip.map(Number);
  const report = await exploreInParallel(
    { seed, schedules, untilFailure: values["until-failure"], ignore, skip },
    workers,
  );
  const seconds = (performance.now() - begun) / 1000;
  if (values.json) console.log(JSON.stringify({ ...report, seconds: Number(seconds.toFixed(1)) }));
  else {
    console.log(`${report.schedules} schedules in ${seconds.toFixed(1)} s, ${report.failures.length} failed`);
    for (const failure of report.failures.slice(0, 20))
      console.log(`  seed ${failure.seed}: ${failure.invariant} — ${failure.message}`);
    for (const [situation, count] of Object.entries(report.coverage).sort())
      console.log(`  ${String(count).padStart(7)}  ${situation}`);
    const [first] = report.failures;
    if (first) await printShrunk(first.seed);
  }
  process.exitCode = report.failures.length > 0 ? 1 : 0;
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
