/** The backfill: copies what stood in Redis before, while traffic goes on. It can be killed at any time, and run again. */
import { drainAll } from "../../engine/drain.js";
import { ConfigurationError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { setAside } from "../../strategy/handover.js";
import { STATISTICS } from "../keyspace/key-sorter.js";
import { ServerChangedError } from "../keyspace/keyspace-page.js";
import {
  type BothStores,
  type BoundCollection,
  type MigrationContext,
  PAGE_MS,
  withRedis,
} from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { paceIssues } from "../run/pace.js";
import { PATIENCE_MS, persist, toBegin } from "../run/persist.js";
import type { BackfillProgress } from "../run/progress.js";
import type { Counts } from "../run/tally.js";
import { BackfillLedger } from "./backfill-ledger.js";
import { BackfillPass } from "./backfill-pass.js";
import { clearOverflow, readOverflows } from "./overflow.js";

export interface BackfillOptions {
  /** Names of the collections to copy, and `analytics_timeseries` for the usage statistics. @default all */
  readonly collections?: readonly string[] | undefined;
  /** Keys that one step of SCAN asks for, 1 to 5000. @default 500 */
  readonly pageSize?: number | undefined;
  /** Keys a second at most. @default as fast as the stores can without suffering */
  readonly rate?: number | undefined;
  /** Begins anew where an earlier run could go on. @default false */
  readonly restart?: boolean | undefined;
  /** How long to wait for a store that is away. Milliseconds. @default 300_000 */
  readonly patienceMs?: number | undefined;
  /** Stops after the page under way; the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

export interface BackfillReport {
  readonly runId: string;
  /** `stopped`: by the signal; the next run goes on from there. */
  readonly state: "finished" | "stopped";
  /** Whether this run went on from where an earlier one had stopped; the counts are those of both. */
  readonly resumed: boolean;
  /** Every distinct key ends in exactly one count. */
  readonly counts: Counts;
  /** Whether they do. */
  readonly addsUp: boolean;
  /** False: more keys than fit into memory were seen, and of the further ones repetitions may be counted twice. */
  readonly exact: boolean;
  readonly collections: Readonly<Record<string, Counts>>;
  /** Keys of no collection, by the pattern of their names. */
  readonly ignored: Readonly<Record<string, number>>;
  /** Deletes that a full repair log had left out. */
  readonly deletes: number;
  /** Collections of which nothing is known to be missing in Postgres any more. */
  readonly complete: readonly string[];
  /** Collections whose repair log left out entries during the run: it has to be run once more. */
  readonly overflowed: readonly string[];
  /** Whether the repair logs were empty at the end. */
  readonly logsEmpty: boolean;
  readonly elapsedMs: number;
}

const PAGE_SIZE = 500;
/** Restarts of Redis that one call outlives. */
const SERVERS = 5;

/**
 * Copies from Redis, the authority, to Postgres.
 * @throws StrategyError while Postgres is the authority; SchemaOutOfDateError; ConfigurationError;
 *   AuthorityUnavailableError when a store stays away: run it again, it goes on where it was
 */
export async function backfill(context: MigrationContext, options: BackfillOptions = {}): Promise<BackfillReport> {
  const stores = withRedis(context);
  const chosen = choose(context, options);
  const patience = { signal: options.signal, patienceMs: options.patienceMs ?? PATIENCE_MS };
  await persist("Reaching Postgres", toBegin(patience), () => checkSchema(context.postgres.store.sql));
  for (let servers = 1; ; servers++) {
    context.term.contradicted();
    await persist("Settling the term", toBegin(patience), () => redisReign(stores));
    try {
      return await runOnce(stores, chosen, options, patience);
    } catch (error) {
      // A place in the old server's keyspace means nothing to the new one: from the beginning, what is there is there.
      if (!(error instanceof ServerChangedError) || servers === SERVERS) throw error;
    }
  }
}

interface Chosen {
  readonly collections: readonly BoundCollection[];
  readonly names: readonly string[];
}

function choose(context: MigrationContext, options: BackfillOptions): Chosen {
  const known = [...context.collections.map(({ name }) => name), STATISTICS];
  const names = options.collections ?? known;
  const issues = names.flatMap((name) =>
    known.includes(name)
      ? []
      : [{ path: "collections", message: `there is no "${name}"; there are ${known.join(", ")}` }],
  );
  issues.push(...paceIssues(options));
  if (names.length === 0) issues.push({ path: "collections", message: "at least one" });
  if (issues.length > 0) throw new ConfigurationError(issues);
  return {
    collections: context.collections.filter(({ name }) => names.includes(name)),
    names: known.filter((name) => names.includes(name)),
  };
}

async function runOnce(
  context: BothStores,
  chosen: Chosen,
  options: BackfillOptions,
  patience: { signal: AbortSignal | undefined; patienceMs: number },
): Promise<BackfillReport> {
  const began = performance.now();
  const overflows = await persist("Reading the repair logs", patience, () =>
    readOverflows(context, chosen.collections),
  );
  const ledger = await BackfillLedger.open(context, {
    plan: { collections: chosen.names, prefix: context.prefix, zone: context.zone },
    overflows,
    restart: options.restart ?? false,
    signal: options.signal,
  });
  const pass = new BackfillPass(context, ledger, {
    ...patience,
    planned: new Set(chosen.names),
    pageSize: options.pageSize ?? PAGE_SIZE,
    rate: options.rate,
    onProgress: options.onProgress ?? (() => {}),
  });
  let state: "finished" | "stopped" | "abandoned" = "stopped";
  try {
    // What a full log left out is missing until the run has ended, whatever becomes of the run.
    for (const collection of chosen.collections.filter(({ name }) => name in overflows)) {
      await context.postgres.attempt((store) => store.setComplete(collection, false), PAGE_MS);
    }
    const atEnd = await pass.run();
    const ending = atEnd
      ? await finish(context, chosen, ledger, pass, patience)
      : { complete: [], overflowed: [], logsEmpty: false };
    // A run that forgot a key is no evidence for anything.
    if (atEnd) state = ledger.tally.addsUp ? "finished" : "abandoned";
    const { counts, collections, ignored, deletes } = ledger.tally.toJSON();
    return {
      runId: ledger.id,
      state: atEnd ? "finished" : "stopped",
      resumed: ledger.resumed,
      counts,
      addsUp: ledger.tally.addsUp,
      exact: pass.exact,
      collections,
      ignored,
      deletes,
      ...ending,
      elapsedMs: Math.round(performance.now() - began),
    };
  } catch (error) {
    if (error instanceof ServerChangedError) state = "abandoned";
    throw error;
  } finally {
    const end = () => ledger.end(state);
    await (state === "finished" ? persist("Ending the run", patience, end) : end().catch(() => {})); // Unended, it is found by the next run.
    await ledger.release();
  }
}

type Ending = Pick<BackfillReport, "complete" | "overflowed" | "logsEmpty">;

/** Everything was listed: works off what was written meanwhile, and says that nothing is missing any more. */
async function finish(
  context: BothStores,
  { collections }: Chosen,
  ledger: BackfillLedger,
  pass: BackfillPass,
  patience: { signal: AbortSignal | undefined; patienceMs: number },
): Promise<Ending> {
  await pass.tell("drain");
  let logsEmpty = true;
  for (const collection of collections) {
    logsEmpty = (await persist("Draining the repair log", patience, () => drain(context, collection))) && logsEmpty;
  }
  await pass.tell("finish");
  const complete: string[] = [];
  const overflowed: string[] = [];
  if (!ledger.tally.addsUp) return { complete, overflowed, logsEmpty };
  for (const collection of collections) {
    await persist("Marking what is complete", patience, async () => {
      await redisReign(context);
      if (collection.kind === "records") await context.redis.attempt((store) => store.setIndexed(collection), PAGE_MS);
      if (!(await clearOverflow(context, collection, ledger.overflows[collection.name])))
        return overflowed.push(collection.name);
      await context.postgres.attempt((store) => store.setComplete(collection, true), PAGE_MS);
      return complete.push(collection.name);
    });
  }
  return { complete, overflowed, logsEmpty };
}

/** False: traffic writes faster than the log is worked off, or the mirror refuses. The fleet's own drainer goes on. */
async function drain(context: BothStores, collection: BoundCollection): Promise<boolean> {
  const { term } = await redisReign(context);
  const options = { term, adopt: true, refuse: setAside(context, "redis") };
  return drainAll(context, collection, context.redis, context.postgres, options, AbortSignal.timeout(60_000)).catch(
    (error: Error) => {
      if (error.name === "TimeoutError") return false;
      throw error;
    },
  );
}
