/** Moves the authority: close the old one, carry its log over, open the other in the next term. */
import { drainAll, drainBatch } from "../engine/drain.js";
import { Refusals } from "../engine/refusals.js";
import type { CollectionEvidence } from "../stores/evidence.js";
import type { Guard } from "../stores/guard.js";
import { otherStore, type StoreName } from "../stores/state.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { lackedBy, readLogs } from "./gate.js";
import { setAside } from "./set-aside.js";

export type HandoverResult =
  /** `to` reigns in `term`. */
  | { readonly done: true; readonly term: number }
  /** Nothing is lost; anyone may go on from here. */
  | { readonly done: false; readonly waitingFor: string };

const ANOTHER_TERM = { done: false, waitingFor: "the term that another process has begun" } as const;

/**
 * Moves the authority away from `from`, which reigns (or is closed) in `term`. Every step may be repeated, and by any process:
 * whoever finds a closed store finishes what another began. Between close and open writes wait; reads go on from the closed store.
 * `forced`: also where a full repair log left out entries, the next authority refused records, or nobody here knows a collection that
 * has a log; these stay behind.
 */
export async function handOver(
  context: FleetContext,
  from: StoreName,
  term: number,
  options: { readonly forced?: boolean } = {},
): Promise<HandoverResult> {
  const [old, next] = [guardOf(context, from), guardOf(context, otherStore(from))];
  if (!old || !next) return { done: false, waitingFor: "a process that is connected to both stores" };

  // 1. The next authority must answer before the old one stops. Where it says that it stays the mirror, a handover was taken back.
  const standing = await next.attempt((store) => store.readFence(), CONTROL_MS);
  if (standing?.role === "mirror" && standing.term > term) {
    await old.attempt((store) => store.openFence(standing.term), CONTROL_MS);
    return ANOTHER_TERM;
  }

  const unknown = options.forced ? null : await unknownIn(context, old);
  if (unknown) return unknown;

  // 2. What is in the log now is carried over while the old authority still works, so that the pause is short.
  await drainOnce(context, old, next, term, true);

  // 3. From here on no write is admitted anywhere until step 5.
  const intact = options.forced ? [] : context.collections;
  if (!(await old.attempt((store) => store.closeFence(term, intact), CONTROL_MS))) {
    const { overflowed } = await readLogs(old, intact);
    const copy = `a copy of what the full repair log of ${overflowed.join(", ")} left out`;
    return overflowed.length > 0 ? { done: false, waitingFor: copy } : ANOTHER_TERM;
  }

  // 4. Whatever the old authority acknowledged is in the other store or in this log.
  for (const collection of context.collections) {
    const empty = await drainAll(context, collection, old, next, {
      term,
      adopt: false,
      refuse: setAside(context),
    });
    if (!empty)
      return { done: false, waitingFor: `the repair log of ${collection.name}, which can't be worked off now` };
  }

  const left = options.forced ? null : await unknownIn(context, old);
  if (left) return left;

  // What was refused after the gate had looked would be lost to every reader: then the old one goes on.
  const lacking = options.forced ? [] : await refusedBy(context, next.store.name);
  if (lacking.length > 0) return takeBack(old, next, term, lacking);

  // 5. The new reign. No stamp is pushed: the drain carried the greatest ones.
  if (!(await next.attempt((store) => store.openFence(term + 1), CONTROL_MS))) return ANOTHER_TERM;
  // 6. A nicety: readers of the old store are sent on without asking the other one first.
  await old.attempt((store) => store.raiseFence(term + 1), CONTROL_MS).catch(() => {});
  await context.term.refresh();
  return { done: true, term: term + 1 };
}

/** A log of a collection that this process doesn't know can be worked off only by one that does. */
async function unknownIn({ collections }: FleetContext, old: Guard): Promise<HandoverResult | null> {
  const logged = await old.attempt((store) => store.loggedCollections(), CONTROL_MS);
  const unknown = logged.filter((name) => !collections.some((one) => one.name === name));
  if (unknown.length === 0) return null;
  return { done: false, waitingFor: `a process that knows ${unknown.join(", ")}, which has a repair log to work off` };
}

/** Collections of which the next authority refused something that was acknowledged. */
async function refusedBy({ collections, evidence }: FleetContext, to: StoreName): Promise<string[]> {
  const known = await Promise.all(collections.map(({ name }) => evidence.of(name)));
  return collections.flatMap(({ name }, i) => (lackedBy(to, known[i] as CollectionEvidence) > 0 ? [name] : []));
}

/**
 * The old authority reigns on, in a term of its own. Who makes the next one's fence rise to it decides: as an authority it goes on
 * from there, as a mirror it can't be opened in that term any more, so the other is, by this process or by whoever finds them so.
 */
async function takeBack(old: Guard, next: Guard, term: number, lacking: readonly string[]): Promise<HandoverResult> {
  await next.attempt((store) => store.raiseFence(term + 1), CONTROL_MS);
  const standing = await next.attempt((store) => store.readFence(), CONTROL_MS);
  if (standing?.role !== "mirror" || standing.term !== term + 1) return ANOTHER_TERM;
  await old.attempt((store) => store.openFence(term + 1), CONTROL_MS);
  return {
    done: false,
    waitingFor: `what ${next.store.name} refused of ${lacking.join(", ")}, which it would lack: see \`dual-write rejects list\``,
  };
}

/** As much as the logs hold now, and no more: under traffic they are never empty where a store answers slowly. */
async function drainOnce(context: FleetContext, old: Guard, next: Guard, term: number, adopt: boolean): Promise<void> {
  for (const collection of context.collections) {
    let { entries } = await old.attempt((store) => store.logStatus(collection), CONTROL_MS);
    const options = { term, adopt, refuse: setAside(context), refusals: new Refusals(), minAgeMs: 50 };
    while (entries > 0) {
      const { fenced, done, again } = await drainBatch(context, collection, old, next, options);
      if (fenced || done + again === 0) break;
      entries -= done + again;
    }
  }
}

function guardOf(context: FleetContext, name: StoreName): Guard | null {
  return name === "redis" ? context.redis : context.postgres;
}
