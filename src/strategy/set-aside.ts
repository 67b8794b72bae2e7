/** Records that the other store refuses for good: they are kept in the control tables with their reason, and can be sent again. */
import type { Refusal } from "../engine/drain.js";
import { refusedValue } from "../engine/refusals.js";
import { CALL_MS, type Sending, sendPresent } from "../engine/send-states.js";
import { FencedError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import { otherStore } from "../stores/state.js";
import type { LogEntry } from "../stores/store.js";
import type { FleetContext } from "./fleet-context.js";

/** One refused record can't hold up the others, nor the fleet: it is set aside as it was refused. */
export function setAside({ evidence }: Pick<FleetContext, "evidence">): (refusal: Refusal) => Promise<boolean> {
  return async ({ collection, id, reason, value, stamp }) => {
    const key = collection.redisKey(id);
    await evidence.setAside([{ collection: collection.name, key, reason, value, source: "drain", stamp }]);
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
  // Before the look at what stands: what is set aside after it stays on the list.
  const keys = ids.map((id) => collection.redisKey(id));
  const listed = await context.evidence.knownRejects(collection.name, keys);
  const stampOf = (id: string) => listed.get(collection.redisKey(id))?.stamp ?? 0;
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
  const refused: Refusal[] = sent.unreadable.map(({ entry, reason }) => {
    return { collection, id: entry.id, reason, value: null, stamp: stampOf(entry.id) };
  });
  const wellAgain = new Map(sent.gone.map(({ id }) => [id, stampOf(id)]));
  const told: LogEntry[] = [];
  sent.reply.results.forEach((result, i) => {
    const { id, state, held } = sent.messages[i] as Sending;
    const { stamp } = state;
    if (result.kind === "rejected")
      refused.push({ collection, id, reason: result.reason, value: refusedValue(held), stamp });
    // What expired is told as its own delete, which the other store may hold as what expired.
    else if (result.kind === "applied" || result.same || result.stamp === stamp) {
      outcomes.set(id, { id, outcome: "sent" });
      wellAgain.set(id, Math.max(stamp, stampOf(id)));
    } else return;
    told.push({ id, stamp });
  });
  for (const { id, reason } of refused) outcomes.set(id, { id, outcome: "refused", reason });
  const refuse = setAside(context);
  for (const one of refused) await refuse(one);
  await context.evidence.takeBack(
    collection.name,
    [...wellAgain].map(([id, stamp]) => ({ key: collection.redisKey(id), stamp })),
  );
  // Only now: a process that dies before leaves an entry, which is sent once more.
  await from.attempt((store) => store.clearLog(collection, told), CALL_MS);
  return [...outcomes.values()];
}
