/** Moves the authority: close the old one, carry its log over, open the other in the next term. */
import { drainAll } from "../engine/drain.js";
import type { Guard } from "../stores/guard.js";
import { otherStore, type StoreName } from "../stores/state.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { readLogs } from "./gate.js";
import { setAside } from "./set-aside.js";

export type HandoverResult =
  /** `to` reigns in `term`. */
  | { readonly done: true; readonly term: number }
  /** Nothing is lost; anyone may go on from here. */
  | { readonly done: false; readonly waitingFor: string };

/**
 * Moves the authority away from `from`, which reigns (or is closed) in `term`. Every step may be repeated, and by any process:
 * whoever finds a closed store finishes what another began. Between close and open writes wait; reads go on from the closed store.
 * `forced`: also where a full repair log left out entries, which stay behind.
 */
export async function handOver(
  context: FleetContext,
  from: StoreName,
  term: number,
  options: { readonly forced?: boolean } = {},
): Promise<HandoverResult> {
  const [old, next] = [guardOf(context, from), guardOf(context, otherStore(from))];
  if (!old || !next) return { done: false, waitingFor: "a process that is connected to both stores" };

  // 1. The next authority must answer before the old one stops.
  await next.attempt((store) => store.now(), CONTROL_MS);

  // 2. What is in the log now is carried over while the old authority still works, so that the pause is short.
  await drainOnce(context, old, next, term, true);

  // 3. From here on no write is admitted anywhere until step 5.
  const intact = options.forced ? [] : context.collections;
  if (!(await old.attempt((store) => store.closeFence(term, intact), CONTROL_MS))) {
    const { overflowed } = await readLogs(old, intact);
    const copy = `a copy of what the full repair log of ${overflowed.join(", ")} left out`;
    return { done: false, waitingFor: overflowed.length > 0 ? copy : "the term that another process has begun" };
  }

  // 4. Whatever the old authority acknowledged is in the other store or in this log.
  for (const collection of context.collections) {
    const empty = await drainAll(context, collection, old, next, {
      term,
      adopt: false,
      refuse: setAside(context, from),
    });
    if (!empty)
      return { done: false, waitingFor: `the repair log of ${collection.name}, which can't be worked off now` };
  }

  // 5. The new reign. No stamp is pushed: the drain carried the greatest ones.
  if (!(await next.attempt((store) => store.openFence(term + 1), CONTROL_MS))) {
    return { done: false, waitingFor: "the term that another process has begun" };
  }
  // 6. A nicety: readers of the old store are sent on without asking the other one first.
  await old.attempt((store) => store.raiseFence(term + 1), CONTROL_MS).catch(() => {});
  await context.term.refresh();
  return { done: true, term: term + 1 };
}

async function drainOnce(context: FleetContext, old: Guard, next: Guard, term: number, adopt: boolean): Promise<void> {
  for (const collection of context.collections) {
    await drainAll(context, collection, old, next, {
      term,
      adopt,
      refuse: setAside(context, old.store.name),
      minAgeMs: 50,
    });
  }
}

function guardOf(context: FleetContext, name: StoreName): Guard | null {
  return name === "redis" ? context.redis : context.postgres;
}
