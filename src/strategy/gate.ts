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

/** Every check with its figure. The authority may move if all passed. */
export async function checkGate(
  context: FleetContext,
  to: StoreName,
  leases: readonly Lease[],
  onOldSide: (lease: Lease) => boolean,
): Promise<GateCheck[]> {
  const checks: GateCheck[] = [];
  const postgres = await context.postgres.attempt((store) => store.readFence(), CONTROL_MS);
  if (to === "postgres") {
    for (const collection of context.collections) {
      checks.push(...(await checkCollection(context, collection, postgres)));
    }
  }
  checks.push(...(await checkLogs(context, to)));
  const behind = leases.filter(onOldSide);
  checks.push({
    name: "nobody on the old side",
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
  postgres: Fence | null,
): Promise<GateCheck[]> {
  const name = collection.name;
  const evidence = await context.evidence.of(name);
  // A keyspace that was empty when the library was installed has nothing to copy: every write since went through it.
  const bornComplete = (postgres?.complete ?? false) && evidence.backfilledAt === null;
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

function verifyCheck(name: string, evidence: CollectionEvidence, throughLibrary: boolean): GateCheck {
  const age = evidence.verifiedAt ? Date.now() - evidence.verifiedAt.getTime() : Number.POSITIVE_INFINITY;
  const never = evidence.verifiedAt === null;
  const passed = never ? throughLibrary : evidence.verifiedClean && age <= VERIFY_MAX_AGE_MS;
  const state = never
    ? "never verified"
    : `${evidence.verifiedClean ? "clean" : "with differences"}, ${Math.round(age / 60_000)} minutes ago`;
  return {
    name: `${name}: clean verify`,
    passed,
    figure: state,
    remedy: "Run `dual-write verify` (with --repair if it finds differences).",
  };
}

async function checkLogs(context: FleetContext, to: StoreName): Promise<GateCheck[]> {
  const authority = to === "postgres" ? context.redis : context.postgres;
  let entries = 0;
  let overflowed: string[] = [];
  if (authority) {
    for (const collection of context.collections) {
      const status = await authority.attempt((store) => store.logStatus(collection), CONTROL_MS);
      entries += status.entries;
      if (status.overflowed) overflowed = [...overflowed, collection.name];
    }
  }
  return [
    {
      name: "repair log worked off",
      passed: entries <= IN_MOTION,
      figure: `${entries} entries`,
      remedy: "Wait, or run `dual-write verify --repair`; if it doesn't shrink, the mirror is too slow or refuses.",
    },
    {
      name: "repair log whole",
      passed: overflowed.length === 0,
      figure: overflowed.length === 0 ? "no entries were left out" : `overflowed for ${overflowed.join(", ")}`,
      remedy: "Run `dual-write backfill` for these collections: entries were left out when the log was full.",
    },
  ];
}
