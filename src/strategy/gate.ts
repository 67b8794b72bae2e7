/** The checks before the authority moves to Postgres, or Redis is given up. */
import type { GateCheck } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import type { CollectionEvidence } from "../stores/evidence.js";
import type { Guard } from "../stores/guard.js";
import type { RedisSide } from "../stores/sides.js";
import type { StoreName } from "../stores/state.js";
import type { Fence, HeldCounter, HeldRecord, Lease } from "../stores/store.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";

/** How old the newest clean verify may be. Milliseconds. */
const VERIFY_MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** Entries of a repair log that count as being in motion. */
const IN_MOTION = 100;
/** Up to how many keys a collection that was empty at the start is looked through instead of asking for a verify. */
const LOOK_LIMIT = 50_000;
const LOOK_PAGE = 1000;

/** The check that a flip waits for, while it insists on all others. */
export const OLD_SIDE = "nobody on the old side";

/**
 * Every check with its figure. The authority may move if all passed. On the way back to Redis nothing need be copied or verified
 * first: the fleet tells Redis every state that Postgres has before it moves.
 */
export async function checkGate(
  context: FleetContext,
  to: StoreName,
  leases: readonly Lease[],
  onOldSide: (lease: Lease) => boolean,
): Promise<GateCheck[]> {
  const checks: GateCheck[] = [];
  const postgres = await context.postgres.attempt((store) => store.readFence(), CONTROL_MS);
  // A verify is as old as Postgres says, which dated it: this process's clock may be wrong.
  const now = await context.postgres.attempt((store) => store.now(), CONTROL_MS);
  for (const collection of context.collections) {
    const evidence = await context.evidence.of(collection.name);
    if (to === "postgres")
      checks.push(...(await checkCollection(context, collection, evidence, { fence: postgres, now })));
    checks.push(rejectsCheck(collection.name, lackedBy(to, evidence)));
  }
  checks.push(...(await checkLogs(context, to)));
  const behind = leases.filter(onOldSide);
  checks.push({
    name: OLD_SIDE,
    passed: behind.length === 0,
    figure:
      behind.length === 0
        ? "no process"
        : `${behind.length} processes (${behind.map((lease) => `${lease.host}:${lease.pid} ${lease.strategy}`).join(", ")})`,
    remedy: "Restart these with the new strategy, or wait until their leases end.",
  });
  const reachable = context.redis
    ? await context.redis
        .attempt((store) => store.now(), CONTROL_MS)
        .then(
          () => true,
          () => false,
        )
    : false;
  checks.push({
    name: "rollback possible",
    passed: reachable,
    figure: reachable ? "Redis answers" : "Redis doesn't answer",
    remedy: "Bring Redis back: without it the way back would be a full copy.",
  });
  return checks;
}

async function checkCollection(
  context: FleetContext,
  collection: Collection,
  evidence: CollectionEvidence,
  postgres: { readonly fence: Fence | null; readonly now: number },
): Promise<GateCheck[]> {
  const name = collection.name;
  // A keyspace that was empty when the library was installed has nothing to copy: every write since went through it.
  const bornComplete = (postgres.fence?.complete ?? false) && evidence.backfilledAt === null;
  return [
    {
      name: `${name}: backfill complete`,
      passed: bornComplete || evidence.backfilledAt !== null,
      figure: evidence.backfilledAt
        ? `finished ${evidence.backfilledAt.toISOString()}`
        : bornComplete
          ? "nothing was there before"
          : "never finished",
      remedy: "Run `dual-write backfill`.",
    },
    verifyCheck(
      name,
      evidence,
      postgres.now,
      bornComplete && evidence.verifiedAt === null && (await wentThroughLibrary(context, collection)),
    ),
    {
      name: `${name}: no unexplained divergence`,
      passed: evidence.divergencesSinceVerify === 0,
      figure: `${evidence.divergencesSinceVerify} since the last verify`,
      remedy: "Run `dual-write verify --repair` and look for writers that bypass the library.",
    },
  ];
}

/** Whether every value in Redis has been written or adopted by the library; looked at in full, up to a bound. */
async function wentThroughLibrary({ redis }: FleetContext, collection: Collection): Promise<boolean> {
  if (!redis) return false;
  let after: string | null = null;
  for (let looked = 0; looked < LOOK_LIMIT; looked += LOOK_PAGE) {
    const page = await lookAtPage(redis, collection, after);
    if (page.bypassed) return false;
    after = page.next;
    if (after === null) return true;
  }
  return false;
}

async function lookAtPage(redis: Guard<RedisSide>, collection: Collection, after: string | null) {
  const page =
    collection.kind === "records"
      ? await redis.attempt((store) => store.pageRecords(collection, after, LOOK_PAGE), CONTROL_MS)
      : await redis.attempt((store) => store.pageCounters(collection, after, LOOK_PAGE), CONTROL_MS);
  const held: readonly (HeldRecord | HeldCounter)[] = page.items.map((item) => item.held);
  return {
    next: page.next,
    bypassed: held.some((one) => one.kind === "unreadable" || (one.kind === "value" && one.bypass)),
  };
}

function verifyCheck(name: string, evidence: CollectionEvidence, now: number, throughLibrary: boolean): GateCheck {
  const age = evidence.verifiedAt ? now - evidence.verifiedAt.getTime() : Number.POSITIVE_INFINITY;
  const never = evidence.verifiedAt === null;
  const passed = never ? throughLibrary : evidence.verifiedClean && age <= VERIFY_MAX_AGE_MS;
  const state = never
    ? "never verified"
    : `${evidence.verifiedClean ? "clean" : "with differences"}, ${Math.round(age / 60_000)} minutes ago`;
  return {
    name: `${name}: clean verify`,
    passed,
    figure: state,
    remedy:
      "Run `dual-write verify` (with --repair if it finds differences). What a repair can't copy, a value that isn't what its collection allows, must be put right or deleted in Redis.",
  };
}

/** How many that are set aside the next authority lacks. What Redis has and Postgres couldn't take is no loss on the way back. */
export function lackedBy(to: StoreName, { rejects, refused }: CollectionEvidence): number {
  return to === "postgres" ? rejects : refused;
}

function rejectsCheck(name: string, rejects: number): GateCheck {
  return {
    name: `${name}: nothing set aside`,
    passed: rejects === 0,
    figure: rejects === 0 ? "no record" : `${rejects} set aside, which the next authority lacks`,
    remedy:
      "See `dual-write rejects list`; put right what is in their way and `dual-write rejects retry`, or `dual-write rejects drop` them with a reason.",
  };
}

/** What a store's repair logs hold, and of which collections they left entries out. */
export async function readLogs(
  guard: Guard,
  collections: readonly Collection[],
): Promise<{ entries: number; overflowed: string[] }> {
  let entries = 0;
  const overflowed: string[] = [];
  for (const collection of collections) {
    const status = await guard.attempt((store) => store.logStatus(collection), CONTROL_MS);
    entries += status.entries;
    if (status.overflowed) overflowed.push(collection.name);
  }
  return { entries, overflowed };
}

async function checkLogs(context: FleetContext, to: StoreName): Promise<GateCheck[]> {
  const authority = to === "postgres" ? context.redis : context.postgres;
  const { entries, overflowed } = authority
    ? await readLogs(authority, context.collections)
    : { entries: 0, overflowed: [] };
  return [
    {
      name: "repair log worked off",
      passed: entries <= IN_MOTION,
      figure: `${entries} entries`,
      remedy: "Wait, or run `dual-write verify --repair`; if it doesn't shrink, the mirror is too slow or refuses.",
    },
    {
      name: "repair log whole",
      // Redis is filled from Postgres before the authority moves there, which takes the mark away.
      passed: overflowed.length === 0 || to === "redis",
      figure: overflowed.length === 0 ? "no entries were left out" : `overflowed for ${overflowed.join(", ")}`,
      remedy: "Run `dual-write backfill` for these collections: entries were left out when the log was full.",
    },
  ];
}
