/** Sets up the fences at the first start, and the term anew after Redis lost its memory. */
import type { Guard } from "../stores/guard.js";
import type { RedisSide } from "../stores/sides.js";
import type { Fence } from "../stores/store.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";

/** `settled`: both fences stand (or need not); otherwise what this waits for. */
export type Settlement = { readonly settled: true } | { readonly settled: false; readonly waitingFor: string };

const SETTLED: Settlement = { settled: true };
const ANOTHER_SETS_IT: Settlement = { settled: false, waitingFor: "another process that sets the term" };

/** What became of the memory that Redis's fence speaks for. */
type Lost = Awaited<ReturnType<RedisSide["memoryLost"]>>;

/**
 * Brings the fences into a state that a reign can be read from. Safe to run in every process at once and to repeat: each step
 * is a compare-and-set, and a step that another process took first is found done.
 * @param redisAlone whether Redis may be set up while Postgres is out of reach: the fleet promises no more than Redis holds (stage 0)
 */
export async function settleFences(context: FleetContext, redisAlone: boolean): Promise<Settlement> {
  const postgres = await postgresFence(context);
  if (!context.redis) return settleWithoutRedis(context, postgres);

  let lost: Lost;
  let fence: Fence | null;
  try {
    lost = await context.redis.attempt((store) => store.memoryLost(), CONTROL_MS);
    fence = lost === "no" ? await context.redis.attempt((store) => store.readFence(), CONTROL_MS) : null;
  } catch {
    return postgres?.role === "authority" ? SETTLED : { settled: false, waitingFor: "Redis to answer" };
  }

  if (postgres === undefined) return redisAlone ? setUpAlone(context, lost) : aloneIfAgreed(fence);
  if (fence?.agreed === false) return agree(context, fence, postgres);
  if (fence && postgres?.role === "mirror" && !reignsSince(fence, postgres.term))
    return recover(context, postgres, "some");
  if (fence) return postgres === null ? setUpAgain(context, fence) : SETTLED;
  return postgres === null ? setUpFirst(context, lost) : recover(context, postgres, lost);
}

/**
 * Whether Redis knows of the reign that Postgres, the mirror, says it has. Otherwise someone raised the term for a loss and died, or
 * slept over another loss, before Redis was told; a message of that term may even have made a mirror of it.
 */
function reignsSince(redis: Fence, term: number): boolean {
  return redis.role === "mirror" ? redis.term > term : redis.role === "closed" || redis.term >= term;
}

async function postgresFence(context: FleetContext): Promise<Fence | null | undefined> {
  try {
    return await context.postgres.attempt((store) => store.readFence(), CONTROL_MS);
  } catch {
    return undefined;
  }
}

async function settleWithoutRedis(context: FleetContext, postgres: Fence | null | undefined): Promise<Settlement> {
  if (postgres === undefined) return { settled: false, waitingFor: "Postgres to answer" };
  if (postgres === null) {
    // A deployment that never had Redis: born at the last stage.
    await context.postgres.attempt(
      (store) => store.createFence({ term: 1, role: "authority", complete: true, redisGivenUp: true }),
      CONTROL_MS,
    );
    return SETTLED;
  }
  if (postgres.role === "authority") return SETTLED;
  return { settled: false, waitingFor: "the authority to move from Redis, which this process has no connection to" };
}

/** Redis keeps its fence while Postgres is away: whoever was the authority still is. */
function aloneIfAgreed(fence: Fence | null): Settlement {
  if (fence) return SETTLED;
  return { settled: false, waitingFor: "Postgres to answer, to set the term after Redis lost its memory" };
}

/** Stage 0 with Postgres out of reach: Redis serves on with what it has; what Postgres holds beyond that comes when it is back. */
async function setUpAlone(context: FleetContext, lost: Lost): Promise<Settlement> {
  const redis = context.redis;
  if (!redis || lost === "no") return SETTLED;
  const last = await redis.attempt((store) => store.lastFence(), CONTROL_MS);
  if ((last?.role ?? "authority") !== "authority" || context.term.last?.authority === "postgres") {
    return { settled: false, waitingFor: "Postgres to answer: it was the authority when it was last seen" };
  }
  // No term below any that was seen: its messages may still be on their way.
  const claim = {
    term: Math.max(1, last?.term ?? 0, context.term.greatest),
    role: "authority",
    complete: true,
    agreed: false,
  } as const;
  await redis.attempt((store) => store.claimMemory(claim), CONTROL_MS);
  return SETTLED;
}

/**
 * The first start: Redis has the data, so it becomes the authority of term 1; an empty keyspace leaves nothing to copy. The fence
 * begins one term below and is raised like after a loss: of two processes that both found none, only one speaks for this memory.
 */
async function setUpFirst(context: FleetContext, lost: Lost): Promise<Settlement> {
  const { redis, postgres } = context;
  if (!redis) return SETTLED;
  const last = await redis.attempt((store) => store.lastFence(), CONTROL_MS);
  const empty = lost === "all" && (await redis.attempt((store) => store.isEmpty(), CONTROL_MS));
  const term = (last?.term ?? 1) - 1;
  const fence = await postgres.attempt(
    (store) => store.createFence({ term, role: "mirror", complete: empty }),
    CONTROL_MS,
  );
  // Another process came first: what was seen of Redis's memory may have been before it set Redis up.
  if (fence.term !== term) return ANOTHER_SETS_IT;
  const raised = await postgres.attempt((store) => store.raiseTerm(term), CONTROL_MS);
  if (raised === null) return ANOTHER_SETS_IT;
  await claim(redis, fence, raised);
  return SETTLED;
}

/** Redis has its fence and Postgres none: a database that was made anew. As a mirror it is filled by a backfill. */
async function setUpAgain(context: FleetContext, fence: Fence): Promise<Settlement> {
  if (fence.role !== "authority") {
    return {
      settled: false,
      waitingFor: "the Postgres that was the authority: this database has no fence. Restore it from a backup",
    };
  }
  await context.postgres.attempt(
    (store) => store.createFence({ term: fence.term, role: "mirror", complete: false }),
    CONTROL_MS,
  );
  return SETTLED;
}

/** Redis lost its memory: the term rises in Postgres in one statement, then Redis is set to exactly that term, incomplete. */
async function recover(context: FleetContext, postgres: Fence, lost: Lost): Promise<Settlement> {
  const { redis } = context;
  if (!redis || lost === "no" || postgres.redisGivenUp) return SETTLED;
  const term = await context.postgres.attempt((store) => store.raiseTerm(postgres.term), CONTROL_MS);
  if (term === null) return ANOTHER_SETS_IT;
  // Whoever found it first may have set Redis since: it is told once. In term 0 Redis was never set up, so nothing was lost.
  const found = postgres.term === 0 ? "no" : await redis.attempt((store) => store.memoryLost(), CONTROL_MS);
  await claim(redis, postgres, term);
  if (found !== "no") {
    const reason = found === "all" ? "Redis lost everything" : "Redis restarted";
    await context.evidence
      .recordDecision({ what: "memory-loss", strategy: null, reason, forced: false, process: context.processId })
      .catch(() => {}); // A note, not a step.
  }
  return SETTLED;
}

/** The other role than Postgres's, in a term that it was raised to. */
async function claim(redis: Guard<RedisSide>, postgres: Fence, term: number): Promise<void> {
  const role = postgres.role === "mirror" ? "authority" : "mirror";
  await redis.attempt((store) => store.claimMemory({ term, role, complete: false, agreed: true }), CONTROL_MS);
}

/**
 * Redis was set up while Postgres was away; now both agree on a term above either's, and Redis is compared: also with a Postgres that
 * never had a fence, since memory may be lost, and be told to that Postgres in part, between the calls.
 */
async function agree(context: FleetContext, redisFence: Fence, found: Fence | null): Promise<Settlement> {
  const { redis, postgres } = context;
  if (!redis) return SETTLED;
  const fresh = { term: redisFence.term, role: "mirror", complete: false } as const;
  const held = found ?? (await postgres.attempt((store) => store.createFence(fresh), CONTROL_MS));
  let { term } = held;
  do {
    const from: number = term;
    const raised = await postgres.attempt((store) => store.raiseTerm(from), CONTROL_MS);
    if (raised === null) return ANOTHER_SETS_IT;
    term = raised;
  } while (term <= redisFence.term);
  await claim(redis, held, term);
  return SETTLED;
}
