/** Some schedules on each run of the tests; `npm run explore` has as many as one likes. */
import { describe, expect, test } from "vitest";
import { explore } from "./explore.js";
import { OPEN_FINDINGS, OPEN_SEEDS } from "./open-findings.js";
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";

/** What the first schedules must have reached, or they prove nothing of it. */
const SITUATIONS = [
  "acknowledged",
  "adoption",
  "authority-memory-claimed",
  "back-from-forced-passage",
  "backfill-kill",
  "backfill-resumed",
  "bypass-set",
  "conflict",
  "counter-adoption",
  "counter-begun-anew",
  "crash",
  "expired-as-delete",
  "fenced-write",
  "find-hit",
  "find-miss",
  "gave-redis-up",
  "handover-to-postgres",
  "handover-to-redis",
  "lost-answer",
  "read-fallback-hit",
  "redis-flush",
  "redis-restore",
  "repeated-operation",
  "suspect",
  "suspect-counter",
  "took-redis-back",
  "unknown-outcome",
  "verify-kill",
  "verify-repaired-for-redis",
];

const FIRST = 400;
/** As many more as there is time for. */
const FURTHER = 1600;

describe("schedules of the whole protocol over in-memory stores", () => {
  test("keep every promise, and reach every situation", { timeout: 240_000 }, async () => {
    const report = await explore({ seed: 1, schedules: FIRST, ignore: OPEN_FINDINGS, skip: OPEN_SEEDS });
    expect(report.failures).toEqual([]);
    expect(SITUATIONS.filter((situation) => !report.coverage[situation])).toEqual([]);
  });

  test("keep every promise in further ones", { timeout: 120_000 }, async () => {
    const options = { seed: FIRST + 1, schedules: FURTHER, withinMs: 20_000 };
    const report = await explore({ ...options, ignore: OPEN_FINDINGS, skip: OPEN_SEEDS });
    expect(report.failures).toEqual([]);
  });

  test("run the same way each time", async () => {
    const traces = [];
    for (let i = 0; i < 2; i++)
      traces.push((await runSchedule(makePlan(77), { trace: true, ignore: OPEN_FINDINGS })).trace);
    expect(traces[0]?.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  });
});
