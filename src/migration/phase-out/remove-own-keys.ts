/** Removes from a Redis that was given up what the library left there: companions, repair logs, indexes, fence. */
import { StrategyError } from "../../errors.js";
import { OWN_PREFIX } from "../../stores/redis/keys.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { Pace, rest } from "../run/pace.js";
import { RateMeter } from "../run/progress.js";

export interface RemovalOptions {
  /** Count; remove nothing. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RemovalProgress) => void) | undefined;
}

export interface RemovalProgress {
  readonly phase: "count" | "remove";
  /** Keys looked at. */
  readonly done: number;
  /** Keys in the Redis database, about. */
  readonly total: number;
  readonly rate: number;
  readonly etaMs: number | null;
}

export interface Removal {
  /** Removed, or in a dry run found. */
  readonly keys: number;
  /** False: it was stopped. Run it again, it goes on with what is left. */
  readonly finished: boolean;
}

const PAGE_KEYS = 1000;
/** The copying back of Redis holds this task too: never both at once. */
const TASK = "refill";
const TASK_MS = 15_000;

/** @throws StrategyError as soon as Redis isn't given up any more */
export async function removeOwnKeys(context: BothStores, options: RemovalOptions): Promise<Removal> {
  const { redis } = context;
  try {
    return await removeAll(context, options);
  } finally {
    if (!options.dryRun)
      await redis.attempt((store) => store.claimTask(TASK, context.processId, 1), PAGE_MS).catch(() => {});
  }
}

async function removeAll(context: BothStores, { dryRun, signal, onProgress }: RemovalOptions): Promise<Removal> {
  const { redis } = context;
  const { client } = redis.store.connection;
  const [pace, meter] = [new Pace({}), new RateMeter()];
  const total = await client.dbsize();
  let [cursor, keys, done] = ["0", 0, 0];
  do {
    if (signal?.aborted) return { keys, finished: false };
    const began = performance.now();
    if (!dryRun) await claim(context);
    const from = cursor;
    const page = await redis.attempt((store) => store.scanKeys(`${OWN_PREFIX}*`, from, PAGE_KEYS), PAGE_MS);
    const own = page.keys.filter((key) => key !== `${OWN_PREFIX}task:${TASK}`);
    keys += own.length;
    if (!dryRun && own.length > 0) await redis.attempt(({ connection }) => connection.client.unlink(own), PAGE_MS);
    cursor = page.cursor;
    done += PAGE_KEYS;
    onProgress?.({ phase: dryRun ? "count" : "remove", done, total, ...meter.measure(done, total - done) });
    await rest(pace.restAfter(PAGE_KEYS, performance.now() - began), signal).catch(() => {});
  } while (cursor !== "0");
  return { keys, finished: true };
}

/** Before each page: another operator may be taking Redis back, and then nothing of its new companions may go. */
async function claim({ redis, postgres, processId }: BothStores): Promise<void> {
  const claimed = await redis.attempt((store) => store.claimTask(TASK, processId, TASK_MS), PAGE_MS);
  const fence = await postgres.attempt((store) => store.readFence(), PAGE_MS);
  if (claimed && fence?.redisGivenUp) return;
  throw new StrategyError(
    claimed
      ? "Redis isn't given up any more, so nothing is removed from it."
      : "Another process copies to this Redis or removes from it, so nothing is removed now.",
  );
}
