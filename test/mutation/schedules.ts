/** A short fixed set of the explorer's schedules, in small groups so that the first that fails ends a mutant's run. */
import { expect, test } from "vitest";
import { makePlan } from "../explorer/plan.js";
import { runSchedule } from "../explorer/schedule.js";
import { directedPlans } from "../planted/directed-plans.js";

const GROUPS = 4;
const SIZE = 3;

test.each(Array.from({ length: GROUPS }, (_, group) => group * SIZE + 1))(
  "schedules from seed %i on keep every promise",
  async (from) => {
    for (let seed = from; seed < from + SIZE; seed++)
      expect((await runSchedule(makePlan(seed))).violation, `seed ${seed}`).toBeNull();
  },
);

test.each(Object.entries(directedPlans))("%s", async (_, plan) => {
  for (let seed = 1; seed <= 2; seed++) expect((await runSchedule(plan(seed))).violation, `seed ${seed}`).toBeNull();
});
