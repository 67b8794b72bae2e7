/** Works off a repair log: sends the present states to the other store and removes the entries that it confirmed. */
import type { Collection, CounterCollection, RecordCollection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { CounterState, RecordState, StoreName } from "../stores/state.js";
import type { ApplyResult, Fenced, LogEntry } from "../stores/store.js";
import { type EngineContext, guardOf } from "./context.js";
import { events } from "./events.js";
import { reportOverwritten } from "./mirror.js";
import { stateOf } from "./refetch.js";

/** How long one store call of a drain may take. Milliseconds. */
const CALL_MS = 5000;

/** A record that the other store refuses for good. */
export interface Refusal {
  readonly collection: Collection;
  readonly id: string;
  readonly reason: string;
}

export interface DrainOptions {
  /** The term under which the states are sent. */
  readonly term: number;
  /** Whether `from` is the authority, so that what bypass writers did to these records is adopted first. */
  readonly adopt: boolean;
  /** Entries younger than this are left to the write that made them. Milliseconds. @default 0 */
  readonly minAgeMs?: number;
  /** @default 500 */
  readonly limit?: number;
  /** Told of each refusal; true: it was set aside, so its entry goes. */
  readonly refuse: (refusal: Refusal) => Promise<boolean>;
}

export interface Drained {
  /** Entries that are confirmed and removed. */
  readonly done: number;
  /** Entries seen. */
  readonly seen: number;
  /** The store refused the term: look it up anew. */
  readonly fenced: boolean;
}

/** One batch of `collection`'s log in `from`. */
export async function drainBatch(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  from: Guard,
  to: Guard,
  options: DrainOptions,
): Promise<Drained> {
  const all = await from.attempt((store) => store.readLog(collection, options.limit ?? 500), CALL_MS);
  const entries = options.minAgeMs ? await olderThan(from, all, options.minAgeMs) : all;
  if (entries.length === 0) return { done: 0, seen: 0, fenced: false };
  const sent =
    collection.kind === "records"
      ? await sendRecords(collection, from, to, entries, options)
      : await sendCounters(collection, from, to, entries, options);
  if (sent.reply.fenced) return { done: 0, seen: entries.length, fenced: true };

  // Entries whose record stands no more and left no trace have nothing to tell.
  const confirmed: LogEntry[] = [...sent.gone];
  for (const [i, result] of sent.reply.results.entries()) {
    const { id, state } = sent.messages[i] as { id: string; state: { stamp: number } };
    const entry = { id, stamp: state.stamp };
    if (result.kind === "rejected") {
      context.events.emit("rejected", events.rejected(collection.name, id, result.reason));
      if (await options.refuse({ collection, id, reason: result.reason })) confirmed.push(entry);
    } else if (result.kind === "applied" || result.stamp >= state.stamp) {
      confirmed.push(entry);
      reportOverwritten(context, collection, to.store.name, id, state.stamp, result);
    }
  }
  for (const { id, reason } of sent.unreadable) {
    context.events.emit("rejected", events.rejected(collection.name, id, reason));
    const entry = entries.find((one) => one.id === id) as LogEntry;
    if (await options.refuse({ collection, id, reason })) confirmed.push(entry);
  }
  if (confirmed.length > 0) {
    await from.attempt((store) => store.clearLog(collection, confirmed), CALL_MS);
    const clock = await from.attempt((store) => store.now(), CALL_MS);
    const lagMs = Math.max(0, clock - Math.floor((entries[0] as LogEntry).stamp / 1000));
    context.events.emit("repair", events.repair(collection.name, to.store.name, confirmed.length, lagMs));
  }
  return { done: confirmed.length, seen: entries.length, fenced: false };
}

/** Drains one collection until its log is empty, or holds only what can't be sent now. True: empty. */
export async function drainAll(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  from: Guard,
  to: Guard,
  options: DrainOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  for (;;) {
    signal?.throwIfAborted();
    const drained = await drainBatch(context, collection, from, to, options);
    if (drained.seen === 0) return true;
    if (drained.fenced || drained.done === 0) return false;
  }
}

/** Both directions of every collection: the authority's log into the mirror, and what a lost reign left in the mirror's log. */
export async function drainBoth(
  context: EngineContext,
  collections: readonly Collection[],
  options: Omit<DrainOptions, "term" | "adopt" | "refuse"> & {
    readonly refuse: (from: StoreName) => DrainOptions["refuse"];
  },
  signal?: AbortSignal,
): Promise<{ empty: boolean; done: number }> {
  const { redis, postgres } = context;
  if (!redis) return { empty: true, done: 0 };
  const reign = await context.term.require();
  let empty = true;
  let done = 0;
  for (const collection of collections) {
    for (const [from, to] of [
      [guardOf(context, reign.authority), reign.authority === "redis" ? postgres : redis],
      [reign.authority === "redis" ? postgres : redis, guardOf(context, reign.authority)],
    ] as [Guard, Guard][]) {
      signal?.throwIfAborted();
      const isAuthority = from.store.name === reign.authority;
      const drained = await drainBatch(context, collection, from, to, {
        ...options,
        refuse: options.refuse(from.store.name),
        term: reign.term,
        adopt: isAuthority,
      });
      if (drained.fenced) context.term.contradicted();
      if (drained.seen > 0 && (isAuthority || drained.done > 0)) empty = false;
      done += drained.done;
    }
  }
  return { empty, done };
}

async function olderThan(from: Guard, entries: readonly LogEntry[], minAgeMs: number): Promise<LogEntry[]> {
  if (entries.length === 0) return [];
  const clock = await from.attempt((store) => store.now(), CALL_MS);
  // A stamp ahead of the clock (it was pushed, or the clock went back) tells no age: such an entry is taken now.
  return entries.filter(({ stamp }) => stamp / 1000 <= clock - minAgeMs || stamp / 1000 > clock + 1000);
}

interface Sent<S> {
  readonly messages: readonly { readonly id: string; readonly state: S }[];
  readonly reply: Fenced<ApplyResult>;
  readonly gone: readonly LogEntry[];
  readonly unreadable: readonly { readonly id: string; readonly reason: string }[];
}

const NOTHING_SENT: Fenced<ApplyResult> = { fenced: false, results: [] };

async function sendRecords(
  collection: RecordCollection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: DrainOptions,
): Promise<Sent<RecordState>> {
  const ids = entries.map((entry) => entry.id);
  const adopt = options.adopt ? ({ term: options.term, mode: "changed" } as const) : undefined;
  const { held } = await from.attempt((store) => store.inspectRecords(collection, ids, adopt), CALL_MS);
  const messages: { id: string; state: RecordState }[] = [];
  const gone: LogEntry[] = [];
  const unreadable: { id: string; reason: string }[] = [];
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
    else if (one.kind === "absent") gone.push(entry);
    else if (one.kind === "unreadable") unreadable.push({ id: entry.id, reason: one.reason });
  }
  const reply =
    messages.length > 0
      ? await to.attempt((store) => store.applyRecords(collection, options.term, messages), CALL_MS)
      : NOTHING_SENT;
  return { messages, reply, gone, unreadable };
}

async function sendCounters(
  collection: CounterCollection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: DrainOptions,
): Promise<Sent<CounterState>> {
  const ids = entries.map((entry) => entry.id);
  const adopt = options.adopt ? ({ term: options.term, mode: "changed" } as const) : undefined;
  const { held } = await from.attempt((store) => store.inspectCounters(collection, ids, adopt), CALL_MS);
  const messages: { id: string; state: CounterState }[] = [];
  const gone: LogEntry[] = [];
  const unreadable: { id: string; reason: string }[] = [];
  for (const [i, one] of held.entries()) {
    const entry = entries[i] as LogEntry;
    if (options.adopt && "compared" in one && !one.compared) continue;
    if (one.kind === "unreadable") unreadable.push({ id: entry.id, reason: one.reason });
    else if (one.kind === "value") messages.push({ id: entry.id, state: one });
    else if (one.last)
      messages.push({ id: entry.id, state: { ...one.last, stamp: Math.max(one.last.stamp, entry.stamp) } });
    else gone.push(entry);
  }
  const reply =
    messages.length > 0
      ? await to.attempt((store) => store.applyCounters(collection, options.term, messages), CALL_MS)
      : NOTHING_SENT;
  return { messages, reply, gone, unreadable };
}
