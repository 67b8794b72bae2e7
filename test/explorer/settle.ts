/** Brings a schedule to its end once faults have ended: the operator's last steps, until a clean verify. */
import { strategies } from "../../src/strategy/strategies.js";
import type { Stage } from "./happen.js";
import { MigrationProcess } from "./migration-process.js";
import { strategyOf } from "./plan.js";

/** Works until the authority is where the fleet wishes it, Redis is complete, and both logs are empty. */
export async function settle({ scene, ground, fleet }: Omit<Stage, "callers" | "readers">): Promise<void> {
  let cleanUnder: string | null = null;
  let runs = 0;
  const run = (what: string) => new MigrationProcess(scene, ground, `${what}-${++runs}`);
  for (;;) {
    await fleet.untilServing(0);
    const wish = strategies[strategyOf(fleet.stage)].authority;
    const stands = await ground.standing();
    const arrived = stands.authority === wish && stands.isOpen;
    if (arrived && stands.isGivenUp) return;
    const ready = stands.isWhole && stands.isDrained;
    if (arrived && ready && cleanUnder === wish && !stands.isMarked) return;
    if (arrived && wish === "postgres" && !stands.postgresHoldsAll) {
      // A forced passage left behind what no backfill had copied: the way on leads back.
      scene.cover("back-from-forced-passage");
      await fleet.flip(fleet.stage - 1, true, false);
    } else if (ready && stands.hasRejects)
      // What was in their way is put right by now.
      await run("retry").retry();
    else if (ready) {
      const under: string = stands.authority;
      if (under === "redis") await run("backfill").backfill({ pageSize: 3 });
      const report = await run("verify").verify({ pageSize: 3 }, true);
      cleanUnder = report?.clean ? under : null;
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
