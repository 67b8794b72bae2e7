/** Some schedules on real servers on each run of the tests, others each time; `npm run explore -- --servers` has as many as one likes. */
import { expect, test } from "vitest";
import { exploreOnServers, type Failed } from "./explore-on-servers.js";

const SCHEDULES = 12;

test("schedules on real servers keep every promise", { timeout: 180_000 }, async () => {
  const seed = Math.floor(Math.random() * 1e9);
  const failed: Failed[] = [];
  const report = await exploreOnServers({
    seed,
    schedules: SCHEDULES,
    atOnce: SCHEDULES,
    onFailure: (one) => failed.push(one),
  });
  const told = failed.map((one) => `npm run explore -- --servers --replay ${one.seed}\n${one.trace.join("\n")}`);
  expect(report.failures, told.join("\n\n")).toEqual([]);
  expect(report.schedules).toBe(SCHEDULES);
});
