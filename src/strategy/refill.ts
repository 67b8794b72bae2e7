/** Brings back into a Redis that lost its memory, was emptied, or wasn't told of everything, what Postgres holds. */
import { randomUUID } from "node:crypto";
import { type EventHub, events } from "../engine/events.js";
import { counterStateOf, stateOf } from "../engine/refetch.js";
import { StrategyError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import { type PostgresSide, REFILL, type RedisSide } from "../stores/sides.js";
import type { ApplyResult } from "../stores/store.js";

const PAGE = 500;
const CALL_MS = 5000;
/** A claim that isn't renewed ends after this: so long a process that died at it holds up the others. Milliseconds. */
const TASK_MS = 5000;

export interface RefillContext {
  readonly redis: Guard<RedisSide> | null;
  readonly postgres: Guard<PostgresSide>;
  readonly collections: readonly Collection[];
  readonly events: EventHub;
}

export interface RefillOptions {
  readonly signal?: AbortSignal;
  /** Told of the rows copied so far. */
  readonly progress?: (copied: number) => void;
  /** Only where nobody waits for the copy. @default whole pages without rests */
  readonly pace?: RefillPace;
}

/** How large pages are, and what is waited for after each. */
export interface RefillPace {
  pageKeys(most: number): number;
  /** `tookMs`: the page of so many rows. */
  rest(rows: number, tookMs: number): Promise<void>;
}

export type Filled = "done" | "fenced" | "busy" | "refused";

/** What a command says that needs a whole Redis. */
export function refusesFilling(): StrategyError {
  return new StrategyError(
    "Redis refuses some of what Postgres holds, so it isn't complete: a key of another type stands where a record, a counter or a set that follows records belongs. Each is told by the event rejected. Remove what is in the way, then run this again.",
  );
}

/** The copy that this process has claimed. */
interface Claimed {
  readonly term: number;
  readonly token: string;
  /** False: Redis lost its memory, or the claim ended before it was renewed. */
  readonly isHeld: () => boolean;
}

/**
 * Copies every row, tombstones too, by the mirror's rule, then marks Redis complete in that term for what was copied. What Postgres's
 * full repair logs had left out is told by that.
 * `done`: Redis is complete. `fenced`: the term moved on meanwhile, or Redis lost its memory. `busy`: another process is at it. `refused`:
 * Redis refused something for good, so the collections that it is of aren't complete, and each is told by the event `rejected`.
 */
export async function refillRedis(context: RefillContext, term: number, options: RefillOptions = {}): Promise<Filled> {
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
  { term, token, isHeld, signal, progress, pace }: RefillOptions & Claimed,
): Promise<Filled> {
  await takeOverflows(context, postgres, token);
  let copied = 0;
  const refused = new Set<Collection>();
  for (const collection of context.collections) {
    let after: string | null = null;
    do {
      signal?.throwIfAborted();
      if (!isHeld()) return "fenced";
      const began = performance.now();
      const cursor: string | null = after;
      const page = await copyPage(redis, postgres, collection, term, cursor, pace?.pageKeys(PAGE) ?? PAGE);
      if (page === "fenced") return "fenced";
      for (const { id, reason } of page.refused) {
        refused.add(collection);
        context.events.emit("rejected", events.rejected(collection.name, id, reason));
      }
      copied += page.copied;
      progress?.(copied);
      await pace?.rest(page.copied, performance.now() - began);
      after = page.next;
    } while (after !== null);
  }
  // What is missing in a complete Redis that decides counts as a bypass writer's delete.
  const whole = context.collections.filter((collection) => !refused.has(collection));
  if (whole.length === 0) return "refused";
  if (!(await redis.attempt((store) => store.setCompleteInTerm(whole, term, token), CALL_MS))) return "fenced";
  await indexWhole({ ...context, collections: whole }, redis);
  for (const collection of whole) await postgres.attempt((store) => store.settleOverflow(collection, token), CALL_MS);
  return refused.size > 0 ? "refused" : "done";
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
  limit: number,
): Promise<{ copied: number; next: string | null; refused: readonly Refused[] } | "fenced"> {
  let refused: readonly Refused[] = [];
  if (collection.kind === "counters") {
    const page = await postgres.attempt((store) => store.pageCounters(collection, after, limit), CALL_MS);
    const states = page.items.flatMap(({ id, held }) => {
      const state = counterStateOf(held, "postgres");
      return state ? [{ id, state }] : [];
    });
    if (states.length > 0) {
      const reply = await redis.attempt((store) => store.applyCounters(collection, term, states), CALL_MS);
      if (reply.fenced) return "fenced";
      refused = refusedOf(states, reply.results);
    }
    return { copied: states.length, next: page.next, refused };
  }
  const page = await postgres.attempt((store) => store.pageRecords(collection, after, limit), CALL_MS);
  const states = page.items.flatMap(({ id, held }) => {
    const state = stateOf(held);
    return state ? [{ id, state }] : [];
  });
  if (states.length > 0) {
    const reply = await redis.attempt((store) => store.applyRecords(collection, term, states), CALL_MS);
    if (reply.fenced) return "fenced";
    refused = refusedOf(states, reply.results);
  }
  return { copied: states.length, next: page.next, refused };
}

interface Refused {
  readonly id: string;
  readonly reason: string;
}

function refusedOf(states: readonly { readonly id: string }[], results: readonly ApplyResult[]): Refused[] {
  return results.flatMap((result, i) =>
    result.kind === "rejected" ? [{ id: states[i]?.id as string, reason: result.reason }] : [],
  );
}
