/** Brings back into a Redis that lost its memory, was emptied, or wasn't told of everything, what Postgres holds. */
import { randomUUID } from "node:crypto";
import { counterStateOf, stateOf } from "../engine/refetch.js";
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import { type PostgresSide, REFILL, type RedisSide } from "../stores/sides.js";

const PAGE = 500;
const CALL_MS = 5000;
/** A claim that isn't renewed ends after this: so long a process that died at it holds up the others. Milliseconds. */
const TASK_MS = 5000;

export interface RefillContext {
  readonly redis: Guard<RedisSide> | null;
  readonly postgres: Guard<PostgresSide>;
  readonly collections: readonly Collection[];
}

export interface RefillOptions {
  readonly signal?: AbortSignal;
  /** Told of the rows copied so far. */
  readonly progress?: (copied: number) => void;
}

/** The copy that this process has claimed. */
interface Claimed {
  readonly term: number;
  readonly token: string;
  /** False: Redis lost its memory, or the claim ended before it was renewed. */
  readonly isHeld: () => boolean;
}

/**
 * Copies every row, tombstones too, by the mirror's rule, then marks Redis complete in that term. What Postgres's full repair logs
 * had left out is told by that.
 * `done`: Redis is complete. `fenced`: the term moved on meanwhile, or Redis lost its memory. `busy`: another process is at it.
 */
export async function refillRedis(
  context: RefillContext,
  term: number,
  options: RefillOptions = {},
): Promise<"done" | "fenced" | "busy"> {
  const { redis, postgres } = context;
  if (!redis) return "done";
  // Names this copy, and not the process: one that was begun before another loss must not be taken for one of all since.
  const token = randomUUID();
  if (!(await redis.attempt((store) => store.claimTask(REFILL, token, TASK_MS), CALL_MS))) return "busy";
  const claim = keepClaim(redis, token);
  try {
    return await copyAll(context, redis, postgres, { ...options, term, token, isHeld: claim.isHeld });
  } finally {
    await claim.end();
  }
}

/** Renews the claim until `end`, also while a slow store takes its time. */
function keepClaim(redis: Guard<RedisSide>, token: string) {
  const renew = (ms: number) => redis.attempt((store) => store.renewTask(REFILL, token, ms), CALL_MS);
  let held = true;
  let renewal: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const renewLater = () => {
    timer = setTimeout(() => {
      renewal = renew(TASK_MS).then(
        (isHeld) => {
          held &&= isHeld;
        },
        () => {}, // Redis is away: the next one tells.
      );
      renewLater();
    }, TASK_MS / 4).unref();
  };
  renewLater();
  return {
    isHeld: () => held,
    end: async () => {
      clearTimeout(timer);
      await renewal;
      // The next one, in whatever process, need not wait until this claim ends by itself.
      await renew(0).catch(() => {});
    },
  };
}

async function copyAll(
  context: RefillContext,
  redis: Guard<RedisSide>,
  postgres: Guard<PostgresSide>,
  { term, token, isHeld, signal, progress }: RefillOptions & Claimed,
): Promise<"done" | "fenced" | "busy"> {
  await takeOverflows(context, postgres, token);
  let copied = 0;
  for (const collection of context.collections) {
    let after: string | null = null;
    do {
      signal?.throwIfAborted();
      if (!isHeld()) return "fenced";
      const cursor: string | null = after;
      const page = await copyPage(redis, postgres, collection, term, cursor);
      if (page === "fenced") return "fenced";
      copied += page.copied;
      progress?.(copied);
      after = page.next;
    } while (after !== null);
  }
  if (!(await redis.attempt((store) => store.setCompleteInTerm(term, token), CALL_MS))) return "fenced";
  await indexWhole(context, redis);
  for (const collection of context.collections)
    await postgres.attempt((store) => store.settleOverflow(collection, token), CALL_MS);
  return "done";
}

/** What Postgres's full repair logs left out comes with this copy. */
async function takeOverflows(
  { collections }: RefillContext,
  postgres: Guard<PostgresSide>,
  token: string,
): Promise<void> {
  for (const collection of collections) {
    const { overflowed } = await postgres.attempt((store) => store.logStatus(collection), CALL_MS);
    if (overflowed) await postgres.attempt((store) => store.takeOverflow(collection, token), CALL_MS);
  }
}

/** The copy wrote the index entries of all that Postgres holds: where that is everything, the index is whole again. */
async function indexWhole({ postgres, collections }: RefillContext, redis: Guard<RedisSide>): Promise<void> {
  for (const collection of collections) {
    if (collection.kind !== "records") continue;
    const { fence } = await postgres.attempt((store) => store.readRecords(collection, []), CALL_MS);
    if (fence?.complete) await redis.attempt((store) => store.setIndexed(collection), CALL_MS);
  }
}

async function copyPage(
  redis: Guard<RedisSide>,
  postgres: Guard<PostgresSide>,
  collection: Collection,
  term: number,
  after: string | null,
): Promise<{ copied: number; next: string | null } | "fenced"> {
  if (collection.kind === "counters") {
    const page = await postgres.attempt((store) => store.pageCounters(collection, after, PAGE), CALL_MS);
    const states = page.items.flatMap(({ id, held }) => {
      const state = counterStateOf(held, "postgres");
      return state ? [{ id, state }] : [];
    });
    if (states.length > 0) {
      const reply = await redis.attempt((store) => store.applyCounters(collection, term, states), CALL_MS);
      if (reply.fenced) return "fenced";
    }
    return { copied: states.length, next: page.next };
  }
  const page = await postgres.attempt((store) => store.pageRecords(collection, after, PAGE), CALL_MS);
  const states = page.items.flatMap(({ id, held }) => {
    const state = stateOf(held);
    return state ? [{ id, state }] : [];
  });
  if (states.length > 0) {
    const reply = await redis.attempt((store) => store.applyRecords(collection, term, states), CALL_MS);
    if (reply.fenced) return "fenced";
  }
  return { copied: states.length, next: page.next };
}
