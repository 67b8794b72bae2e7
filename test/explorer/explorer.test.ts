/** Some schedules on each run of the tests; `npm run explore` has as many as one likes. */
import { describe, expect, test } from "vitest";
import { OPEN_FINDINGS, OPEN_SEEDS } from "./open-findings.js";
import { exploreInParallel } from "./parallel.js";
import { makePlan } from "./plan.js";
import { runSchedule } from "./schedule.js";

/** What they must have reached, or they prove nothing of it. */
const SITUATIONS = [
  "acknowledged",
  "asked-again",
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
  "crash-between-close-and-open",
  "event-rejected",
  "expired-as-delete",
  "fenced-write",
  "find-hit",
  "find-miss",
  "freeze",
  "gathered",
  "gave-redis-up",
  "handover-to-postgres",
  "handover-to-redis",
  "lost-answer",
  "outage-postgres-deaf-of-one",
  "outage-redis-silent-of-one",
  "read-fallback-hit",
  "redis-flush",
  "redis-restore",
  "refused-for-good",
  "repeated-operation",
  "retried-sent",
  "suspect",
  "suspect-counter",
  "took-redis-back",
  "unknown-outcome",
  "verify-kill",
  "verify-repaired-for-redis",
];

/** Some thousands; `npm run explore` has a hundred thousand in half an hour. */
const SCHEDULES = 2000;

describe("schedules of the whole protocol over in-memory stores", () => {
  test("keep every promise, and reach every situation", { timeout: 480_000 }, async () => {
    const report = await exploreInParallel(
      { seed: 1, schedules: SCHEDULES, ignore: OPEN_FINDINGS, skip: OPEN_SEEDS },
      2,
    );
    expect(report.failures).toEqual([]);
    expect(report.schedules).toBe(SCHEDULES - OPEN_SEEDS.length);
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
