/** The backfill and its way back, against the usual script and against a pipeline that neither decodes nor checks. */
import { ratioFigure } from "../figure.js";
import { checkBackfill, checkPipeline, Remembered } from "../migration/checks.js";
import { KeyspaceStage } from "../migration/keyspace-stage.js";
import { rateOf } from "../migration/tasks.js";
import { Worker } from "../migration/worker-process.js";
import type { Bench, Run } from "../run.js";
import { benchPolite, type Sizes } from "./polite.js";

export const benchBackfill: Bench = async (run) => {
  const keys = run.keys ?? (run.quick ? 10_000 : 50_000);
  const sample = run.quick ? 1000 : 5000;
  const stage = await KeyspaceStage.open();
  const worker = await Worker.start();
  try {
    if (run.wants("backfill")) await benchFast(run, stage, worker, { keys, sample });
    if (run.wants("polite")) await benchPolite(run, stage, worker, { keys, sample });
  } finally {
    await worker.stop();
    await stage.close();
  }
};

async function benchFast(run: Run, stage: KeyspaceStage, worker: Worker, { keys, sample }: Sizes): Promise<void> {
  const rates = { ours: [] as number[], usual: [] as number[], pipeline: [] as number[], reverse: [] as number[] };
  // The first turn warms up.
  for (let turn = -1; turn < Math.ceil(run.turns.count / 2); turn++) {
    // Reversing leaves other keys behind than were there.
    await stage.fill(keys);
    const usual = await worker.run({ name: "usual", limit: sample }, stage.urls);
    const pipeline = await worker.run({ name: "pipeline" }, stage.urls);
    await checkPipeline(stage);
    const ours = await worker.run({ name: "backfill", polite: false }, stage.urls);
    checkBackfill(stage, ours);
    const remembered = await Remembered.of(stage, 200);
    await stage.turnRound();
    const reverse = await worker.run({ name: "reverse" }, stage.urls);
    await remembered.check(stage);
    if (turn < 0) continue;
    for (const [name, done] of Object.entries({ ours, usual, pipeline, reverse }))
      rates[name as keyof typeof rates].push(rateOf(done));
  }
  const heading = { bench: "backfill", at: `${keys.toLocaleString("en-US")} keys`, unit: "keys a second" };
  const copying = { ...heading, name: "backfill" };
  run.tell(ratioFigure({ ...copying, against: "the usual script", aim: { atLeast: 20 } }, rates.ours, rates.usual));
  run.tell(
    ratioFigure({ ...copying, against: "an unchecked pipeline", aim: { atLeast: 0.6 } }, rates.ours, rates.pipeline),
  );
  const reversing = { ...heading, name: "reverse backfill", against: "backfill", aim: { atLeast: 0.7 } };
  run.tell(ratioFigure(reversing, rates.reverse, rates.ours));
}
