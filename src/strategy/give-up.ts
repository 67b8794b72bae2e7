/** Gives Redis up for good, and takes it back from an emptied keyspace. */
import { type GateCheck, GateRefusedError, StrategyError } from "../errors.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { liveLeases } from "./membership.js";
import { settleFences } from "./recovery.js";
import { refillRedis, refusesFilling } from "./refill.js";
import { type StrategyName, strategies } from "./strategies.js";

/** What must hold before Redis can be given up. */
export async function checkGiveUp(context: FleetContext): Promise<GateCheck[]> {
  const fence = await context.postgres.attempt((store) => store.readFence(), CONTROL_MS);
  const leases = await liveLeases(context);
  const using = (leases ?? []).filter((lease) => !strategies[lease.strategy as StrategyName]?.redisOptional);
  return [
    {
      name: "Postgres is the authority",
      passed: fence?.role === "authority",
      figure: fence ? `Postgres is ${fence.role} in term ${fence.term}` : "Postgres has no fence",
      remedy: "Flip to POSTGRES_PRIMARY and wait for the handover.",
    },
    {
      name: "nobody uses Redis",
      passed: using.length === 0,
      figure:
        using.length === 0
          ? "no process"
          : using.map((lease) => `${lease.host}:${lease.pid} ${lease.strategy}`).join(", "),
      remedy: "Restart these with POSTGRES_ONLY, or wait until their leases end.",
    },
  ];
}

/**
 * From now on nothing is remembered for Redis and no connection to it is needed.
 * @throws GateRefusedError unless Postgres is the authority and every live process is at the last stage
 */
export async function giveUpRedis(context: FleetContext, reason: string): Promise<void> {
  const checks = await checkGiveUp(context);
  if (checks.some((check) => !check.passed)) throw new GateRefusedError(checks);
  await context.postgres.attempt((store) => store.setRedisGivenUp(true), CONTROL_MS);
  await context.evidence.recordDecision({
    what: "give-up-redis",
    strategy: null,
    reason,
    forced: false,
    process: context.processId,
  });
}

/**
 * Begins to remember for Redis again and copies everything to it.
 * @throws StrategyError if Redis isn't empty or doesn't answer
 */
export async function takeRedisBack(
  context: FleetContext,
  reason: string,
  options: { readonly signal?: AbortSignal; readonly progress?: (copied: number) => void } = {},
): Promise<void> {
  const { redis, postgres } = context;
  if (!redis) throw new StrategyError("Redis can't be taken back without a connection to it. Give its URL.");
  const before = await postgres.attempt((store) => store.readFence(), CONTROL_MS);
  if (!before?.redisGivenUp) throw new StrategyError("Redis was not given up, so there is nothing to take back.");
  if (!(await redis.attempt((store) => store.isEmpty(), CONTROL_MS))) {
    throw new StrategyError(
      "This Redis holds keys. What it holds may be older than Postgres: empty it, then take it back.",
    );
  }
  // A fence that was left there calls this emptied Redis complete; whoever goes on from here must know better.
  await redis.attempt((store) => store.setComplete(null, false), CONTROL_MS);
  // Then the log, so that no write made during the copy is forgotten.
  await postgres.attempt((store) => store.setRedisGivenUp(false), CONTROL_MS);
  // Whatever fence was left behind by the last reign says nothing of this memory.
  const present = await postgres.attempt((store) => store.readFence(), CONTROL_MS);
  const term = await postgres.attempt((store) => store.raiseTerm(present?.term ?? 0), CONTROL_MS);
  if (term === null) throw new StrategyError("Another process changed the term meanwhile. Run it again.");
  await redis.attempt(
    (store) => store.claimMemory({ term, role: "mirror", complete: false, agreed: true }),
    CONTROL_MS,
  );
  await context.evidence.recordDecision({
    what: "take-redis-back",
    strategy: null,
    reason,
    forced: false,
    process: context.processId,
  });
  for (;;) {
    options.signal?.throwIfAborted();
    const settled = await settleFences(context, false);
    const { redis: fence } = await context.term.refresh();
    if (settled.settled && fence?.complete) break;
    const filling = settled.settled && fence ? await refillRedis(context, fence.term, options) : "busy";
    if (filling === "refused") throw refusesFilling();
    if (filling === "busy") await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
