/** Time for each key, and memory, by how many keys there are: backfill, verify, audit and reverse backfill, each in a process of its own. */
import { plainFigure, ratioFigure } from "../figure.js";
import { checkAudit, checkBackfill, checkVerify, Remembered } from "../migration/checks.js";
import { KeyspaceStage } from "../migration/keyspace-stage.js";
import type { Done } from "../migration/tasks.js";
import { inFreshWorker } from "../migration/worker-process.js";
import type { Bench, Run } from "../run.js";

const SIZES = [100_000, 500_000, 2_000_000];
const QUICK_SIZES = [2000, 10_000];
const MEGABYTES = 250;
const BYTES_A_KEY = 10;
const SLOWER_AT_MOST = 1.15;

const PASSES = ["backfill", "verify", "audit", "reverse"] as const;
type Pass = (typeof PASSES)[number];

export const benchGrowth: Bench = async (run) => {
  const largest = run.keys ?? Number.POSITIVE_INFINITY;
  const usual = run.quick ? QUICK_SIZES : SIZES;
  const sizes = [...new Set([...usual.filter((keys) => keys < largest), Math.min(largest, usual.at(-1) as number)])];
  const stage = await KeyspaceStage.open();
  const seen = new Map<number, Record<Pass, Done>>();
  try {
    for (const keys of sizes) seen.set(keys, await passThrough(stage, keys));
  } finally {
    await stage.close();
  }
  for (const pass of PASSES)
    tellPass(
      run,
      pass,
      sizes.map((keys) => ({ keys, done: (seen.get(keys) as Record<Pass, Done>)[pass] })),
    );
};

async function passThrough(stage: KeyspaceStage, keys: number): Promise<Record<Pass, Done>> {
  await stage.fill(keys);
  const audit = await inFreshWorker({ name: "audit" }, stage.urls);
  checkAudit(stage, audit);
  const backfill = await inFreshWorker({ name: "backfill", polite: false }, stage.urls);
  checkBackfill(stage, backfill);
  const verify = await inFreshWorker({ name: "verify" }, stage.urls);
  checkVerify(verify);
  const remembered = await Remembered.of(stage, 200);
  await stage.turnRound();
  const reverse = await inFreshWorker({ name: "reverse" }, stage.urls);
  await remembered.check(stage);
  return { audit, backfill, verify, reverse };
}

function tellPass(run: Run, pass: Pass, seen: readonly { readonly keys: number; readonly done: Done }[]): void {
  const [first] = seen;
  for (const [n, { keys, done }] of seen.entries()) {
    const heading = { bench: "growth", at: `${keys.toLocaleString("en-US")} keys` };
    const micros = (one: Done) => [(one.ms * 1000) / keys];
    if (n === 0)
      run.tell(
        plainFigure({ ...heading, name: `${pass}, time`, against: null, unit: "µs a key", aim: null }, micros(done)),
      );
    else {
      const against = `of ${first?.keys.toLocaleString("en-US")}`;
      const smallest = [((first?.done.ms as number) * 1000) / (first?.keys as number)];
      run.tell(
        ratioFigure(
          { ...heading, name: `${pass}, time`, against, unit: "µs a key", aim: { atMost: SLOWER_AT_MOST } },
          micros(done),
          smallest,
        ),
      );
    }
    run.tell(
      plainFigure(
        { ...heading, name: `${pass}, resident memory`, against: null, unit: "MB at most", aim: { atMost: MEGABYTES } },
        [done.megabytes],
      ),
    );
  }
  const [before, last] = [seen.at(-2), seen.at(-1)];
  if (!before || !last) return;
  const grown = ((last.done.megabytes - before.done.megabytes) * 2 ** 20) / (last.keys - before.keys);
  const at = `${before.keys.toLocaleString("en-US")} on`;
  const heading = { bench: "growth", name: `${pass}, resident memory`, against: null, at, unit: "bytes a key" };
  run.tell(plainFigure({ ...heading, aim: run.quick ? null : { atMost: BYTES_A_KEY } }, [grown]));
}
