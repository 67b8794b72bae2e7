/** The backfill the other way: brings everything that Postgres, the authority, holds to Redis. */
import { ConfigurationError, ConflictError, FencedError, StrategyError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import { type RefillPace, refillRedis, refusesFilling } from "../../strategy/refill.js";
import { type MigrationContext, withRedis } from "../migration-context.js";
import { settledReign } from "../redis-authority.js";
import { Pace, rest } from "../run/pace.js";
import { persist, toBegin } from "../run/persist.js";
import { RateMeter } from "../run/progress.js";
import { type RunOptions, resolveRun, runIssues } from "../run/run-options.js";

export interface ReverseOptions extends Pick<RunOptions, "rate" | "polite" | "patienceMs" | "signal"> {
  readonly onProgress?: ((progress: ReverseProgress) => void) | undefined;
}

export interface ReverseProgress {
  readonly phase: "refill";
  /** Rows copied. How many there are isn't known before the end. */
  readonly done: number;
  readonly total: number;
  readonly rate: number;
  readonly etaMs: null;
}

export interface ReverseReport {
  /** Rows brought to Redis, tombstones too. Nothing newer was overwritten. */
  readonly copied: number;
  readonly term: number;
  readonly elapsedMs: number;
}

/**
 * All of it, by the mirror's rule; Redis is complete afterwards. May be stopped and run again: it begins anew, and what Redis has
 * it has.
 * @throws ConfigurationError; StrategyError while Redis is the authority, or after it was given up; ConflictError while another process does it
 */
export async function reverseBackfill(context: MigrationContext, options: ReverseOptions = {}): Promise<ReverseReport> {
  const began = performance.now();
  const stores = withRedis(context);
  const issues = runIssues(options);
  if (issues.length > 0) throw new ConfigurationError(issues);
  const run = resolveRun(options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  context.term.contradicted();
  const { postgres } = await persist("Reading the fences", toBegin(run), () => context.term.refresh());
  if (postgres?.redisGivenUp)
    throw new StrategyError("Redis was given up: empty it, then `dual-write rollback` copies everything into it.");
  const rates = new RateMeter();
  const { signal } = options;
  const pace = new Pace(run);
  const rests: RefillPace = {
    pageKeys: (most) => pace.pageKeys(most),
    rest: (rows, tookMs) => rest(pace.restAfter(rows, tookMs), signal),
  };
  let copied = 0;
  const fill = async () => {
    const reign = await settledReign(stores);
    if (reign.authority === "redis")
      throw new StrategyError(
        `Redis is the authority (term ${reign.term}), so nothing may be copied over it from Postgres. What it lost with its memory comes back by itself.`,
      );
    const progress = (done: number) => {
      copied = done;
      options.onProgress?.({ phase: "refill", done, total: done, rate: rates.measure(done, 0).rate, etaMs: null });
    };
    const ended = await refillRedis(stores, reign.term, { progress, pace: rests, ...(signal ? { signal } : {}) });
    if (ended === "busy") throw new ConflictError("Another process fills Redis just now. Wait for it.");
    if (ended === "done") return reign.term;
    if (ended === "refused") throw refusesFilling();
    context.term.contradicted();
    throw new FencedError("The term changed while Redis was filled.");
  };
  const both = [stores.redis.store, stores.postgres.store];
  const term = await pace.during(both, () => persist("Filling Redis", run, fill));
  return { copied, term, elapsedMs: Math.round(performance.now() - began) };
}
