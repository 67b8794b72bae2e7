/** Sends the present states of what a repair log names to the other store. */
import type { Collection, CounterCollection, RecordCollection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { CounterState, RecordState } from "../stores/state.js";
import type { ApplyResult, Fenced, LogEntry } from "../stores/store.js";
import { stateOf } from "./refetch.js";

/** How long one store call may take. Milliseconds. */
export const CALL_MS = 5000;

export interface SendOptions {
  /** The term under which the states are sent. */
  readonly term: number;
  /**
   * What bypass writers did to these records is adopted first, where `from` is the authority: `changed`, what they changed of what
   * the library wrote; `bare`, what only they wrote too. Null: `from` isn't the authority, or admits nothing any more.
   */
  readonly adopt: "changed" | "bare" | null;
}

export interface Sent {
  readonly messages: readonly { readonly id: string; readonly state: RecordState | CounterState }[];
  readonly reply: Fenced<ApplyResult>;
  /** Nothing stands there and nothing is known of it. */
  readonly gone: readonly LogEntry[];
  /** What stands in `from` is no state. */
  readonly unreadable: readonly { readonly entry: LogEntry; readonly reason: string }[];
}

const NOTHING_SENT: Fenced<ApplyResult> = { fenced: false, results: [] };

export function sendPresent(
  collection: Collection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: SendOptions,
): Promise<Sent> {
  return collection.kind === "records"
    ? sendRecords(collection, from, to, entries, options)
    : sendCounters(collection, from, to, entries, options);
}

async function sendRecords(
  collection: RecordCollection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: SendOptions,
): Promise<Sent> {
  const ids = entries.map((entry) => entry.id);
  const adopt = options.adopt ? { term: options.term, mode: options.adopt } : undefined;
  const { fence, held } = await from.attempt((store) => store.inspectRecords(collection, ids, adopt), CALL_MS);
  const isSameReign = fence?.term === options.term;
  const messages: { id: string; state: RecordState }[] = [];
  const gone: LogEntry[] = [];
  const unreadable: { entry: LogEntry; reason: string }[] = [];
  for (const [i, one] of held.entries()) {
    const entry = entries[i] as LogEntry;
    // Not compared since a memory loss: what a bypass writer did to it isn't adopted yet, so it waits.
    if (options.adopt && "compared" in one && !one.compared) continue;
    const state = stateOf(one);
    if (state) messages.push({ id: entry.id, state });
    // A closed store adopts nothing any more: what a bypass writer deleted goes on as the delete of the state he deleted.
    else if (one.kind === "vanished" && !options.adopt)
      messages.push({
        id: entry.id,
        state: { stamp: one.stamp, bytes: null, expiresAt: null, operations: one.operations },
      });
    // A memory that was lost since the log was read tells nothing by what it lacks.
    else if (one.kind === "absent" && !isSameReign) continue;
    // Its companion has outlived its time while the other store was away: only that it is gone, and since when, is known.
    else if (one.kind === "absent" && entry.stamp > 0 && fence?.role !== "mirror" && fence?.complete)
      messages.push({ id: entry.id, state: { stamp: entry.stamp, bytes: null, expiresAt: null, operations: [] } });
    else if (one.kind === "absent") gone.push(entry);
    else if (one.kind === "unreadable") unreadable.push({ entry, reason: one.reason });
  }
  const reply =
    messages.length > 0 ? await to.hot.applyRecords(collection, options.term, messages, CALL_MS) : NOTHING_SENT;
  return { messages, reply, gone, unreadable };
}

async function sendCounters(
  collection: CounterCollection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: SendOptions,
): Promise<Sent> {
  const ids = entries.map((entry) => entry.id);
  const adopt = options.adopt ? { term: options.term, mode: options.adopt } : undefined;
  const { held } = await from.attempt((store) => store.inspectCounters(collection, ids, adopt), CALL_MS);
  const messages: { id: string; state: CounterState }[] = [];
  const gone: LogEntry[] = [];
  const unreadable: { entry: LogEntry; reason: string }[] = [];
  for (const [i, one] of held.entries()) {
    const entry = entries[i] as LogEntry;
    if (options.adopt && "compared" in one && !one.compared) continue;
    if (one.kind === "unreadable") unreadable.push({ entry, reason: one.reason });
    else if (one.kind === "value") messages.push({ id: entry.id, state: one });
    else if (one.last)
      messages.push({ id: entry.id, state: { ...one.last, stamp: Math.max(one.last.stamp, entry.stamp) } });
    else gone.push(entry);
  }
  const reply =
    messages.length > 0 ? await to.hot.applyCounters(collection, options.term, messages, CALL_MS) : NOTHING_SENT;
  return { messages, reply, gone, unreadable };
}
