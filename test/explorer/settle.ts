/** Brings a schedule to its end once faults have ended: the operator's last steps, until a clean verify. */
import { strategies } from "../../src/strategy/strategies.js";
import { isComplete } from "../memory/control.js";
import { collections } from "./collections.js";
import type { Stage } from "./happen.js";
import { MigrationProcess } from "./migration-process.js";
import { strategyOf } from "./plan.js";

/** Works until the authority is where the fleet wishes it, Redis is complete, and both logs are empty. */
export async function settle(stage: Omit<Stage, "callers" | "readers">): Promise<void> {
  const { world, truth, tables, fleet } = stage;
  let cleanUnder: string | null = null;
  let runs = 0;
  const run = (what: string) => new MigrationProcess(world, truth, tables, `${what}-${++runs}`);
  for (;;) {
    await fleet.untilServing(0);
    const wish = strategies[strategyOf(fleet.stage)].authority;
    const arrived = truth.authority === wish && world[wish].control.fence?.role === "authority";
    if (arrived && fleet.isGivenUp) return;
    const ready = isWhole(stage) && isDrained(stage);
    if (arrived && ready && cleanUnder === wish && !isMarked(stage)) return;
    if (arrived && wish === "postgres" && !collections.every(({ name }) => holdsAll(stage, name))) {
      // A forced passage left behind what no backfill had copied: the way on leads back.
      world.cover("back-from-forced-passage");
      await fleet.flip(fleet.stage - 1, true, false);
    } else if (ready && [...tables.rejects.values()].some(({ source }) => source !== "repair"))
      // What was in their way is put right by now.
      await run("retry").retry();
    else if (ready) {
      const under: string = truth.authority;
      if (under === "redis") await run("backfill").backfill({ pageSize: 3 });
      const report = await run("verify").verify({ pageSize: 3 }, true);
      cleanUnder = report?.clean ? under : null;
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** Redis's fence speaks for its memory, and nothing is missing there. */
function isWhole({ world }: Pick<Stage, "world">): boolean {
  const { fence } = world.redis.control;
  return fence?.runId === world.redis.runId && fence.complete && fence.exceptions.size === 0 && fence.agreed !== false;
}

function isDrained({ world }: Pick<Stage, "world">): boolean {
  return collections.every(
    ({ name }) => world.redis.control.entries(name).length + world.postgres.control.entries(name).length === 0,
  );
}

/** Redis decides, and its full repair log had left something out: a backfill has to copy it. */
function isMarked({ world, truth }: Pick<Stage, "world" | "truth">): boolean {
  return truth.authority === "redis" && collections.some(({ name }) => world.redis.control.hasOverflowed(name));
}

function holdsAll({ world }: Pick<Stage, "world">, collection: string): boolean {
  const { fence } = world.postgres.control;
  return fence !== null && isComplete(fence, collection);
}
