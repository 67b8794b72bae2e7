/** Every planted bug has its place in the source, each one that was asked for is there, and a handful of them is caught on each run. */
import { describe, expect, inject, test } from "vitest";
import { PLANTED_BUGS } from "./bugs.js";
import { catchBug } from "./catch.js";
import { type PlantedBug, plantedFiles, ROOT } from "./planted-bug.js";

/** What must be among the planted bugs, at least. */
const DEMANDED = [
  "mirror ignores stamps",
  "tombstone dropped",
  "delete of an absent key leaves none",
  "stamp from the process's clock",
  "log entry written after the write",
  "log entry removed without comparing",
  "fallback on any miss",
  "put-back without term",
  "update that builds on a miss in an incomplete store",
  "counter mirrored by adding",
  "counter without generation",
  "backfill without the stamp rule",
  "bare value overwritten instead of adopted",
  "companion dies with its value",
  "expiry as a duration",
  "operation id forgotten at a handover",
  "handover without drain",
  "fence not checked on reads",
  "two authorities at once",
  "verify without the second look",
] as const;

/** Caught within a second or two each. `npm run planted` tries them all. */
const HANDFUL = [
  "log entry removed without comparing (in memory)",
  "backfill without the stamp rule",
  "put-back without term",
] as const;

const named = (name: string) => PLANTED_BUGS.find((bug) => bug.name === name) as PlantedBug;

test("every bug that was asked for is planted, under its name", () => {
  const names = PLANTED_BUGS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(DEMANDED.filter((demanded) => !names.some((name) => name.startsWith(demanded)))).toEqual([]);
});

test.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))(
  "%s has exactly one place in the source",
  async (_, bug) => {
    await plantedFiles(bug);
  },
);

test("a patch without a place is an error that names it", async () => {
  const stale = {
    ...named("handover without drain"),
    changes: [{ file: "src/errors.ts", search: "not there", replace: "" }],
  };
  await expect(plantedFiles(stale)).rejects.toThrow(
    /"handover without drain" can't be planted.*0 times in src\/errors.ts/,
  );
});

describe.concurrent("on each run", { timeout: 120_000 }, () => {
  const options = () => ({ source: ROOT, schedules: 200, postgresUrl: inject("postgresUrl") });

  test.each(HANDFUL)("%s is caught", async (name) => {
    expect(await catchBug(named(name), options())).not.toBeNull();
  });

  test("the source as it is isn't accused", async () => {
    const harmless = { ...named("handover without drain"), changes: [] };
    expect(await catchBug(harmless, { ...options(), schedules: 10 })).toBeNull();
  });
});
