/** What each promise costs a write: rungs that add one promise at a time, from the bare client up to the library's store. */
import { Migration } from "dual-write-store";
import { inTurns } from "../compare.js";
import { ratioFigure } from "../figure.js";
import type { Bench, Run } from "../run.js";
import { openStage } from "../stage.js";
import { postgresLadder } from "./postgres-ladder.js";
import { redisLadder } from "./redis-ladder.js";
import type { Ladder } from "./rungs.js";

const IN_FLIGHT = [1, 64] as const;

export const benchPromises: Bench = async (run) => {
  const stage = await openStage();
  try {
    const migration = await Migration.open({ redis: stage.redisUrl, postgres: stage.databaseUrl });
    await migration.migrateSchema();
    await migration.close();
    for (const open of [() => redisLadder(stage.redisUrl), () => postgresLadder(stage)]) await climb(run, await open());
  } finally {
    await stage.close();
  }
};

async function climb(run: Run, { store, rungs, check, close }: Ladder): Promise<void> {
  try {
    if (!run.wants(`write, ${store}`)) return;
    for (const inFlight of IN_FLIGHT) {
      const turns = { ...run.turns, ms: run.turns.ms / 2 };
      const rates = await inTurns(rungs, inFlight, turns);
      for (const [n, { name }] of rungs.entries()) {
        const at = `${inFlight} in flight`;
        const heading = { bench: "promises", name: `write, ${store}, ${name}`, against: "bare", at, unit: "a second" };
        run.tell(ratioFigure({ ...heading, aim: null }, rates[n] as number[], rates[0] as number[]));
      }
    }
    await check();
  } finally {
    await close();
  }
}
