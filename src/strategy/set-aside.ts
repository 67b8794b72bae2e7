/** Records that the other store refuses for good: they are kept in the control tables with their reason, and can be sent again. */
import type { Refusal } from "../engine/drain.js";
import { CALL_MS, sendPresent } from "../engine/send-states.js";
import { FencedError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import { otherStore, type StoreName } from "../stores/state.js";
import type { HeldCounter, HeldRecord, LogEntry } from "../stores/store.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";

type Context = Pick<FleetContext, "evidence" | "redis" | "postgres">;

/** One refused record can't hold up the others, nor the fleet: it is set aside as `from` has it. */
export function setAside(context: Context, from: StoreName): (refusal: Refusal) => Promise<boolean> {
  return async ({ collection, id, reason }) => {
    const guard = context[from];
    await context.evidence.setAside({
      collection: collection.name,
      key: collection.redisKey(id),
      reason,
      value: guard && (await presentValue(guard, collection, id)),
      source: "drain",
    });
    return true;
  };
}

/** What became of a record that was sent again. */
export type Retried =
  /** The other store took it: its place on the list is given up. */
  | { readonly id: string; readonly outcome: "sent" }
  /** The authority has nothing of it any more, so there is nothing to send: its place is given up. */
  | { readonly id: string; readonly outcome: "gone" }
  /** It stays on the list, with this reason. */
  | { readonly id: string; readonly outcome: "refused"; readonly reason: string }
  /** Nothing was done: the other store holds something newer, or what stands isn't compared since a memory loss. */
  | { readonly id: string; readonly outcome: "waiting" };

/** Records that are sent in one step. */
const BATCH = 500;

/**
 * Sends the present state of records that were set aside to the mirror again, after what was in their way has been put right.
 * May be repeated. What bypass writers did to them is adopted first, so that it wins.
 *
 * @throws FencedError while the authority is being settled, or if it moved meanwhile: retry
 */
export async function retrySetAside(
  context: FleetContext,
  collection: Collection,
  ids: readonly string[],
): Promise<Retried[]> {
  const retried: Retried[] = [];
  for (let from = 0; from < ids.length; from += BATCH)
    retried.push(...(await retryBatch(context, collection, ids.slice(from, from + BATCH))));
  return retried;
}

async function retryBatch(context: FleetContext, collection: Collection, ids: readonly string[]): Promise<Retried[]> {
  const { authority, term } = await context.term.require();
  const [from, to] = [context[authority], context[otherStore(authority)]];
  if (!from || !to) throw new FencedError("One of the stores isn't connected, so nothing can be sent to it.");
  const entries = ids.map((id) => ({ id, stamp: 0 }));
  const sent = await sendPresent(collection, from, to, entries, { term, adopt: "bare" });
  if (sent.reply.fenced) {
    context.term.contradicted();
    throw new FencedError("The authority moved while records were sent again. Retry in a moment.");
  }
  const outcomes = new Map<string, Retried>(ids.map((id) => [id, { id, outcome: "waiting" }]));
  for (const { id } of sent.gone) outcomes.set(id, { id, outcome: "gone" });
  for (const { entry, reason } of sent.unreadable) outcomes.set(entry.id, { id: entry.id, outcome: "refused", reason });
  const told: LogEntry[] = [];
  sent.reply.results.forEach((result, i) => {
    const { id, state } = sent.messages[i] as (typeof sent.messages)[number];
    if (result.kind === "rejected") outcomes.set(id, { id, outcome: "refused", reason: result.reason });
    // What expired is told as its own delete, which the other store may hold as what expired.
    else if (result.kind === "applied" || result.same || result.stamp === state.stamp)
      outcomes.set(id, { id, outcome: "sent" });
    else return;
    told.push({ id, stamp: state.stamp });
  });
  await settle(context, collection, authority, [...outcomes.values()]);
  // Only now: a process that dies before leaves an entry, which is sent once more.
  await from.attempt((store) => store.clearLog(collection, told), CALL_MS);
  return [...outcomes.values()];
}

async function settle(
  context: FleetContext,
  collection: Collection,
  authority: StoreName,
  outcomes: readonly Retried[],
): Promise<void> {
  const refuse = setAside(context, authority);
  for (const one of outcomes) {
    if (one.outcome === "refused") await refuse({ collection, id: one.id, reason: one.reason });
    else if (one.outcome !== "waiting") await context.evidence.takeBack(collection.name, collection.redisKey(one.id));
  }
}

async function presentValue(guard: Guard, collection: Collection, id: string): Promise<Buffer | null> {
  const { held } = await guard.attempt<{ held: readonly (HeldRecord | HeldCounter)[] }>(
    (store) =>
      collection.kind === "records" ? store.inspectRecords(collection, [id]) : store.inspectCounters(collection, [id]),
    CONTROL_MS,
  );
  return held[0] ? refusedValue(held[0]) : null;
}

/** As the list has it: a value's bytes, a counter's sum; null for a delete, or where something else stands. */
export function refusedValue(held: HeldRecord | HeldCounter): Buffer | null {
  if (held.kind !== "value") return null;
  return "bytes" in held ? held.bytes : Buffer.from(String(held.redisPart + held.postgresPart));
}
