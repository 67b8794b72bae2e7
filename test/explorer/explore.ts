/** Runs many schedules one after another and gathers what failed and which situations were reached. */
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";

export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
}

export interface Report {
  schedules: number;
  failures: Failure[];
  /** By situation: in how many schedules it was reached. */
  coverage: Record<string, number>;
}

export interface ExploreOptions {
  readonly seed: number;
  readonly schedules: number;
  /** Ends early at the first failure. */
  readonly untilFailure?: boolean;
  /** Ends early after this. Milliseconds of real time. */
  readonly withinMs?: number;
  /** Open findings that are looked past, by invariant. */
  readonly ignore?: readonly string[];
  /** Seeds that are left out. */
  readonly skip?: readonly number[];
  /** Told before each schedule. */
  readonly onSchedule?: (seed: number) => void;
}

export async function explore({
  seed,
  schedules,
  untilFailure,
  withinMs,
  ignore,
  skip,
  onSchedule,
}: ExploreOptions): Promise<Report> {
  const report: Report = { schedules: 0, failures: [], coverage: {} };
  const until = performance.now() + (withinMs ?? Number.POSITIVE_INFINITY);
  for (let i = 0; i < schedules && performance.now() < until; i++) {
    if (skip?.includes(seed + i)) continue;
    onSchedule?.(seed + i);
    const { violation, coverage } = await runSchedule(makePlan(seed + i), { ignore });
    report.schedules++;
    for (const situation of coverage.keys()) report.coverage[situation] = (report.coverage[situation] ?? 0) + 1;
    if (!violation) continue;
    report.failures.push({ seed: seed + i, invariant: violation.invariant, message: violation.message });
    if (untilFailure) break;
  }
  return report;
}

export function merged(reports: readonly Report[]): Report {
  const all: Report = { schedules: 0, failures: [], coverage: {} };
  for (const { schedules, failures, coverage } of reports) {
    all.schedules += schedules;
    all.failures.push(...failures);
    for (const [situation, count] of Object.entries(coverage))
      all.coverage[situation] = (all.coverage[situation] ?? 0) + count;
  }
  all.failures.sort((a, b) => a.seed - b.seed);
  return all;
}
