/** Runs many schedules on real servers, several at once. */
import { type ExploreOptions, merged, type Report } from "../explorer/explore.js";
import { planOnServers } from "./plan-on-servers.js";
import { runOnServers } from "./run-on-servers.js";
import { Servers } from "./servers.js";

export interface Failed {
  readonly seed: number;
  readonly trace: readonly string[];
}

export interface ExploreOnServers extends Pick<ExploreOptions, "seed" | "schedules" | "untilFailure"> {
  /** Schedules at once. */
  readonly atOnce: number;
  /** Told of each schedule that failed. */
  readonly onFailure?: (failed: Failed) => void;
}

export async function exploreOnServers({
  seed,
  schedules,
  atOnce,
  untilFailure,
  onFailure,
}: ExploreOnServers): Promise<Report> {
  const servers = await Servers.start();
  const waiting = Array.from({ length: schedules }, (_, i) => seed + i);
  const reports: Report[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const report = await runOne(next, servers, onFailure);
      reports.push(report);
      if (untilFailure && report.failures.length > 0) waiting.length = 0;
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    await servers.stop();
  }
  return merged(reports);
}

async function runOne(seed: number, servers: Servers, onFailure?: (failed: Failed) => void): Promise<Report> {
  const { violation, coverage, trace } = await runOnServers(planOnServers(seed), servers);
  if (violation) onFailure?.({ seed, trace });
  return {
    schedules: 1,
    failures: violation ? [{ seed, invariant: violation.invariant, message: violation.message }] : [],
    coverage: Object.fromEntries([...coverage.keys()].map((situation) => [situation, 1])),
  };
}
