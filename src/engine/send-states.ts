/** Sends the present states of what a repair log names to the other store. */
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { CounterState, RecordState } from "../stores/state.js";
import type { ApplyResult, Fence, Fenced, HeldCounter, HeldRecord, LogEntry } from "../stores/store.js";
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

/** A state under way, and what stood in `from` that it tells of. */
export interface Sending<S extends RecordState | CounterState = RecordState | CounterState> {
  readonly id: string;
  readonly state: S;
  readonly held: HeldRecord | HeldCounter;
}

export interface Sent {
  readonly messages: readonly Sending[];
  readonly reply: Fenced<ApplyResult>;
  /** Nothing stands there and nothing is known of it. */
  readonly gone: readonly LogEntry[];
  /** What stands in `from` is no state. */
  readonly unreadable: readonly { readonly entry: LogEntry; readonly reason: string }[];
}

const NOTHING_SENT: Fenced<ApplyResult> = { fenced: false, results: [] };

export async function sendPresent(
  collection: Collection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: SendOptions,
): Promise<Sent> {
  const ids = entries.map((entry) => entry.id);
  const adopt = options.adopt ? { term: options.term, mode: options.adopt } : undefined;
  const { fence, held } = await from.attempt<Looked>(
    (store) =>
      collection.kind === "records"
        ? store.inspectRecords(collection, ids, adopt)
        : store.inspectCounters(collection, ids, adopt),
    CALL_MS,
  );
  const messages: Sending[] = [];
  const gone: LogEntry[] = [];
  const unreadable: { entry: LogEntry; reason: string }[] = [];
  for (const [i, one] of held.entries()) {
    const entry = entries[i] as LogEntry;
    // Not compared since a memory loss: what a bypass writer did to it isn't adopted yet, so it waits.
    if (options.adopt && "compared" in one && !one.compared) continue;
    if (one.kind === "unreadable") {
      unreadable.push({ entry, reason: one.reason });
      continue;
    }
    const state =
      collection.kind === "records"
        ? recordToSend(one as HeldRecord, entry, fence, options)
        : counterToSend(one as HeldCounter, entry);
    if (state === "gone") gone.push(entry);
    else if (state !== "later") messages.push({ id: entry.id, state, held: one });
  }
  if (messages.length === 0) return { messages, reply: NOTHING_SENT, gone, unreadable };
  const reply =
    collection.kind === "records"
      ? to.hot.applyRecords(collection, options.term, messages as Sending<RecordState>[], CALL_MS)
      : to.hot.applyCounters(collection, options.term, messages as Sending<CounterState>[], CALL_MS);
  return { messages, reply: await reply, gone, unreadable };
}

interface Looked {
  readonly fence: Fence | null;
  readonly held: readonly (HeldRecord | HeldCounter)[];
}

function recordToSend(
  one: HeldRecord,
  entry: LogEntry,
  fence: Fence | null,
  { term, adopt }: SendOptions,
): RecordState | "gone" | "later" {
  const state = stateOf(one);
  if (state) return state;
  // A closed store adopts nothing any more: what a bypass writer deleted goes on as the delete of the state he deleted.
  if (one.kind === "vanished" && !adopt)
    return { stamp: one.stamp, bytes: null, expiresAt: null, operations: one.operations };
  if (one.kind !== "absent") return "later";
  // A memory that was lost since the log was read tells nothing by what it lacks.
  if (fence?.term !== term) return "later";
  // Its companion has outlived its time while the other store was away: only that it is gone, and since when, is known.
  if (entry.stamp > 0 && fence.role !== "mirror" && fence.complete)
    return { stamp: entry.stamp, bytes: null, expiresAt: null, operations: [] };
  return "gone";
}

function counterToSend(one: HeldCounter, entry: LogEntry): CounterState | "gone" {
  if (one.kind === "value") return one;
  if (one.kind === "absent" && one.last) return { ...one.last, stamp: Math.max(one.last.stamp, entry.stamp) };
  return "gone";
}
