/** What follows when everything was listed and copied. */
import { drainAll } from "../../engine/drain.js";
import { analyze } from "../../stores/postgres/statements/undo-backfill.js";
import { setAside } from "../../strategy/set-aside.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { persist } from "../run/persist.js";
import type { ResolvedRun } from "../run/run-options.js";
import type { BackfillLedger } from "./backfill-ledger.js";
import type { BackfillPass } from "./backfill-pass.js";
import type { Chosen } from "./backfill-plan.js";
import type { BackfillReport } from "./backfill-report.js";
import { carryGone } from "./carry-gone.js";
import { clearOverflow } from "./overflow.js";

export type Finished = Pick<BackfillReport, "complete" | "overflowed" | "logsEmpty">;

export const UNFINISHED: Finished = { complete: [], overflowed: [], logsEmpty: false };

/** ANALYZE reads a sample of a table. Milliseconds. */
const ANALYZE_MS = 120_000;
const DRAIN_MS = 60_000;

/** Works off what was written meanwhile, and says that nothing is missing any more, if all of it was taken in. */
export async function finish(
  context: BothStores,
  chosen: Chosen,
  ledger: BackfillLedger,
  pass: BackfillPass,
  run: ResolvedRun,
): Promise<Finished> {
  await pass.tell("drain");
  let logsEmpty = true;
  for (const collection of chosen.collections)
    logsEmpty = (await persist("Draining the repair log", run, () => drain(context, collection))) && logsEmpty;
  await pass.tell("finish");
  const written = ledger.tally.toJSON().collections;
  for (const collection of chosen.collections.filter(({ name }) => (written[name]?.copied ?? 0) > 0))
    await persist("Analyzing", run, () => context.postgres.attempt(({ sql }) => analyze(sql, collection), ANALYZE_MS));
  const isWhole = ledger.tally.addsUp && chosen.pattern === undefined;
  for (const collection of chosen.collections.filter(({ name }) => isWhole && name in ledger.overflows)) {
    ledger.tally.deletes += await carryGone(context, collection, run);
    // What was adopted as a delete is in the log too.
    logsEmpty = (await persist("Draining the repair log", run, () => drain(context, collection))) && logsEmpty;
  }
  ledger.mark(null);
  return { ...(isWhole ? await markComplete(context, chosen, ledger, run) : UNFINISHED), logsEmpty };
}

async function markComplete(
  context: BothStores,
  { collections }: Chosen,
  ledger: BackfillLedger,
  run: ResolvedRun,
): Promise<Pick<Finished, "complete" | "overflowed">> {
  const complete: string[] = [];
  const overflowed: string[] = [];
  for (const collection of collections) {
    await persist("Marking what is complete", run, async () => {
      await redisReign(context);
      if (collection.kind === "records") await context.redis.attempt((store) => store.setIndexed(collection), PAGE_MS);
      if (!(await clearOverflow(context, collection, ledger.overflows[collection.name])))
        return overflowed.push(collection.name);
      await context.postgres.attempt((store) => store.setComplete(collection, true), PAGE_MS);
      return complete.push(collection.name);
    });
  }
  return { complete, overflowed };
}

/** False: traffic writes faster than the log is worked off, or the mirror refuses. The fleet's own drainer goes on. */
async function drain(context: BothStores, collection: BoundCollection): Promise<boolean> {
  const { term } = await redisReign(context);
  const options = { term, adopt: true, refuse: setAside(context) };
  return drainAll(context, collection, context.redis, context.postgres, options, AbortSignal.timeout(DRAIN_MS)).catch(
    (error: Error) => {
      if (error.name === "TimeoutError") return false;
      throw error;
    },
  );
}
