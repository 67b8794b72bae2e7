/** Some schedules on each run of the tests; `npm run explore` has as many as one likes. */
import { describe, expect, test } from "vitest";
import { explore } from "./explore.js";
import { OPEN_FINDINGS, OPEN_SEEDS } from "./open-findings.js";
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";

/** What some schedules must have reached, or they prove nothing of it. */
const SITUATIONS = [
  "acknowledged",
  "adoption",
  "authority-memory-claimed",
  "bypass-set",
  "conflict",
  "counter-adoption",
  "crash",
  "fenced-write",
  "handover-to-postgres",
  "handover-to-redis",
  "lost-answer",
  "read-fallback-hit",
  "redis-flush",
  "redis-restore",
  "repeated-operation",
  "suspect",
  "suspect-counter",
  "unknown-outcome",
];

describe("schedules of the whole protocol over in-memory stores", () => {
  test("keep every promise", { timeout: 120_000 }, async () => {
    const report = await explore({ seed: 1, schedules: 2000, withinMs: 50_000, ignore: OPEN_FINDINGS });
    expect(report.failures.filter(({ seed }) => !OPEN_SEEDS.includes(seed))).toEqual([]);
    expect(SITUATIONS.filter((situation) => !report.coverage[situation])).toEqual([]);
  });

  test("run the same way each time", async () => {
    const traces = [];
    for (let i = 0; i < 2; i++)
      traces.push((await runSchedule(makePlan(77), { trace: true, ignore: OPEN_FINDINGS })).trace);
    expect(traces[0]?.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  });
});
