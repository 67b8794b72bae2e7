/** The verify: compares all of both stores while traffic goes on, and repairs on request. Its result is the gate's evidence. */
import { drainAll } from "../../engine/drain.js";
import type { Reign } from "../../engine/term-view.js";
import { AuthorityUnavailableError, ConfigurationError, StrategyError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import { setAside } from "../../strategy/set-aside.js";
import { KeySorter } from "../keyspace/key-sorter.js";
import { ServerChangedError, serverOf } from "../keyspace/keyspace-page.js";
import { NamePatterns } from "../keyspace/name-pattern.js";
import {
  type BothStores,
  type BoundCollection,
  type MigrationContext,
  PAGE_MS,
  withRedis,
} from "../migration-context.js";
import { settledReign } from "../redis-authority.js";
import { Pace } from "../run/pace.js";
import { persist, toBegin } from "../run/persist.js";
import { RateMeter } from "../run/progress.js";
import { type RunOptions, resolveRun, runIssues } from "../run/run-options.js";
import { AccessAnswers, type AccessFindings } from "./access-answers.js";
import { compareStatistics, type StatisticsFindings } from "./compare-statistics.js";
import { type CollectionFindings, type Example, type FindingKind, Findings } from "./findings.js";
import { findOrphans, type Orphans } from "./orphans.js";
import { Repair } from "./repair.js";
import { type Sample, sampleIssues, shareOf, takeShare } from "./sample.js";
import { takeBackSettled } from "./settled-rejects.js";
import { AuthorityMovedError, VerifyPass, type VerifyPhase } from "./verify-pass.js";

export interface VerifyProgress {
  readonly phase: "drain" | VerifyPhase;
  /** Keys and rows looked at so far. */
  readonly done: number;
  /** Keys in Redis and rows in Postgres, about. */
  readonly total: number;
  /** Keys and rows a second over the last seconds. */
  readonly rate: number;
  /** Milliseconds left; null while that can't be told. */
  readonly etaMs: number | null;
}

export interface VerifyOptions extends RunOptions {
  /** Names of the collections to compare. @default all */
  readonly collections?: readonly string[] | undefined;
  /**
   * Compares some of the records instead of all, others each time: `{ share: 0.05 }`, or `{ records: 1000 }` for about so many at
   * most. It is never recorded, so that it is no evidence for the gate. @default all
   */
  readonly sample?: Sample | undefined;
  /** Makes the mirror equal to the authority where they differ. @default false */
  readonly repair?: boolean | undefined;
  /** Shows keys in the examples instead of their hashes. @default false */
  readonly showKeys?: boolean | undefined;
  /** Examples at most. @default 20 */
  readonly examples?: number | undefined;
  /** Ends the verify; nothing of it is recorded. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export interface VerifyReport {
  /** No differences were found. After a repair, verify again: only a clean one counts for the gate. */
  readonly clean: boolean;
  readonly authority: StoreName;
  readonly term: number;
  readonly compared: number;
  /** The share of all records that was to be compared; null: all, and only that is the gate's evidence. */
  readonly sample: number | null;
  /** Of all collections, by kind, from the authority's view: `missing` is what the mirror lacks. */
  readonly differences: Readonly<Partial<Record<FindingKind, number>>>;
  readonly repaired: number;
  readonly collections: Readonly<Record<string, CollectionFindings>>;
  readonly examples: readonly Example[];
  /** The usage statistics: nobody mirrors them, a backfill or a repair copies them; no part of `clean`. Null: there are none. */
  readonly statistics: StatisticsFindings | null;
  /** People who have subscriptions or usage and no sign-up, by Postgres's rows, all of them also of a sample; no part of `clean`. */
  readonly orphans: { readonly subscriptions?: Orphans; readonly usage?: Orphans };
  /** The access rule asked of some holders by what each store holds, after a repair; no part of `clean`. */
  readonly access: AccessFindings;
  readonly elapsedMs: number;
}

const EXAMPLES = 20;

/**
 * @throws StrategyError when Redis was given up; SchemaOutOfDateError; ConfigurationError; the signal's reason;
 *   AuthorityUnavailableError when a store stays away or the authority moves meanwhile
 */
export async function verify(context: MigrationContext, options: VerifyOptions = {}): Promise<VerifyReport> {
  const began = performance.now();
  const stores = withRedis(context);
  const collections = choose(context, options);
  const run = resolveRun(options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  const fence = await persist("Reaching Postgres", toBegin(run), () =>
    context.postgres.attempt((store) => store.readFence(), PAGE_MS),
  );
  if (fence?.redisGivenUp) throw new StrategyError("Redis was given up, so there is nothing to compare Postgres with.");
  // By the clock that dates divergences: one met from here on isn't explained by this verify.
  const startedAt = await persist("Reaching Postgres", toBegin(run), () =>
    context.postgres.attempt((store) => store.now(), PAGE_MS),
  );
  context.term.contradicted();
  const reign = await persist("Settling the term", toBegin(run), () => settledReign(stores));

  const findings = new Findings(
    collections.map(({ name }) => name),
    { showKeys: options.showKeys ?? false, examples: options.examples ?? EXAMPLES },
  );
  const { sample } = options;
  const share = sample ? await persist("Counting", run, () => shareOf(stores, collections, sample)) : null;
  const repair = options.repair ? new Repair(stores, reign, findings) : null;
  const progress = await meter(stores, options);
  progress("drain", 0);
  for (const collection of collections)
    await persist("Draining the repair logs", run, () => drainBothWays(stores, collection, reign));

  const access = new AccessAnswers(stores);
  const pace = new Pace(run);
  const pass = new VerifyPass(stores, {
    ...run,
    reign,
    server: serverOf(stores),
    sorter: new KeySorter({
      collections: context.collections,
      prefix: context.prefix,
      patterns: new NamePatterns(context.prefix),
      planned: new Set(collections.map(({ name }) => name)),
    }),
    collections,
    takes: takeShare(share ?? 1),
    pace,
    findings,
    onLook: (collection, ids) => access.meet(collection, ids),
    onFindings: async (found, variants) => repair?.heal(found, variants),
    onPage: progress,
  });
  try {
    await pace.during([stores.redis.store, stores.postgres.store], () => pass.run());
    await context.term.refresh();
    if (context.term.reign?.term !== reign.term) throw new AuthorityMovedError(undefined);
  } catch (error) {
    if (!(error instanceof AuthorityMovedError) && !(error instanceof ServerChangedError)) throw error;
    throw new AuthorityUnavailableError(
      "The authority moved, or Redis restarted, while both stores were compared; nothing was recorded. Run verify again.",
      { cause: error },
    );
  }
  for (const collection of collections)
    await persist("Reading the rejects list", run, () => takeBackSettled(stores, collection, reign.authority));
  const statistics = await compareStatistics(stores, repair !== null && reign.authority === "redis");
  const report = findings.report();
  for (const [collection, { compared, differences, clean }] of share === null ? Object.entries(report) : []) {
    await context.evidence.recordVerify({
      collection,
      startedAt: new Date(startedAt),
      compared,
      differences: { ...differences } as Record<string, number>,
      clean,
    });
  }
  const orphans = await persist("Looking for orphans", run, () =>
    findOrphans(stores, collections, options.showKeys ?? false),
  );
  const answers = await persist("Asking for access", run, () =>
    access.compare(options.showKeys ?? false, options.signal),
  );
  const all = Object.values(report);
  return {
    clean: all.every(({ clean }) => clean),
    authority: reign.authority,
    term: reign.term,
    compared: all.reduce((sum, { compared }) => sum + compared, 0),
    sample: share,
    differences: sumUp(all),
    repaired: all.reduce((sum, { repaired }) => sum + repaired, 0),
    collections: report,
    examples: findings.examples,
    statistics,
    orphans,
    access: answers,
    elapsedMs: Math.round(performance.now() - began),
  };
}

function choose(context: MigrationContext, options: VerifyOptions): readonly BoundCollection[] {
  const known = context.collections.map(({ name }) => name);
  const names = options.collections ?? known;
  const issues = names.flatMap((name) =>
    known.includes(name)
      ? []
      : [{ path: "collections", message: `there is no "${name}"; there are ${known.join(", ")}` }],
  );
  issues.push(...runIssues(options), ...sampleIssues(options.sample));
  if (names.length === 0) issues.push({ path: "collections", message: "at least one" });
  if (issues.length > 0) throw new ConfigurationError(issues);
  return context.collections.filter(({ name }) => names.includes(name));
}

/** Differences that a repair log explains aren't worth a second look. What can't be drained now stays explained. */
async function drainBothWays(
  context: BothStores,
  collection: BoundCollection,
  { authority, term }: Reign,
): Promise<void> {
  for (const from of [authority, otherStore(authority)]) {
    const options = { term, adopt: from === authority, refuse: setAside(context) };
    await drainAll(
      context,
      collection,
      context[from],
      context[otherStore(from)],
      options,
      AbortSignal.timeout(30_000),
    ).catch((error: Error) => {
      if (error.name !== "TimeoutError") throw error;
    });
  }
}

async function meter(
  context: BothStores,
  { onProgress }: VerifyOptions,
): Promise<(phase: VerifyProgress["phase"], keys: number) => void> {
  if (!onProgress) return () => {};
  const keys = await context.redis.attempt(({ connection }) => connection.client.dbsize(), PAGE_MS).catch(() => 0);
  const rates = new RateMeter();
  let done = 0;
  return (phase, more) => {
    done += more;
    const total = Math.max(done, keys * 2);
    onProgress({ phase, done, total, ...rates.measure(done, total - done) });
  };
}

function sumUp(collections: readonly CollectionFindings[]): Partial<Record<FindingKind, number>> {
  const sums: Partial<Record<FindingKind, number>> = {};
  for (const { differences } of collections) {
    for (const [kind, count] of Object.entries(differences) as [FindingKind, number][])
      sums[kind] = (sums[kind] ?? 0) + count;
  }
  return sums;
}
