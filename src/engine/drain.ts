/** Works off a repair log: sends the present states to the other store and removes the entries that it confirmed. */
import type { Collection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import type { LogEntry } from "../stores/store.js";
import { isTransient } from "../stores/transient-errors.js";
import { type DrainContext, type EngineContext, guardOf } from "./context.js";
import { events } from "./events.js";
import { entryOf, reportOverwritten } from "./mirror.js";
import { Refusals, type Refused, refusedValue } from "./refusals.js";
import { CALL_MS, type Sending, sendPresent } from "./send-states.js";

/** A record that the other store refuses for good. */
export interface Refusal {
  readonly collection: Collection;
  readonly id: string;
  readonly reason: string;
  /** What was refused: a value's bytes, a counter's sum; null for a delete, or where something else stands. */
  readonly value: Buffer | null;
  /** Of the state that was refused. */
  readonly stamp: number;
}

export interface DrainOptions {
  /** The term under which the states are sent. */
  readonly term: number;
  /** Whether `from` is the authority, so that what bypass writers did to these records is adopted first. */
  readonly adopt: boolean;
  /** Entries younger than this are left to the write that made them. Milliseconds. @default 0 */
  readonly minAgeMs?: number;
  /** Entries of a batch. @default 5000 */
  readonly limit?: number;
  /** Told of what is refused for good; true: it was set aside, so its entry goes. */
  readonly refuse: (refusal: Refusal) => Promise<boolean>;
  /** Told whenever entries were confirmed and removed: a drain that fails after it has moved something all the same. */
  readonly moved?: () => void;
  /** Counts the tries of what is refused, over all rounds that share it. @default this drain's own */
  readonly refusals?: Refusals;
}

export interface Drained {
  /** Entries that are confirmed and removed. */
  readonly done: number;
  /** Entries seen. */
  readonly seen: number;
  /** Entries whose state was refused and is worth another try. */
  readonly again: number;
  /** The store refused the term: look it up anew. */
  readonly fenced: boolean;
}

const NOT_DRAINED: Drained = { done: 0, seen: 0, again: 0, fenced: false };

/** Entries that are read at once. */
const LIMIT = 5000;
/** Entries that are sent at once: few enough not to hold a server up, and while some are read others are being applied. */
const PART = 500;
const PARTS_UNDER_WAY = 2;

/** One batch of `collection`'s log in `from`. */
export async function drainBatch(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  from: Guard,
  to: Guard,
  { refusals = new Refusals(), ...options }: DrainOptions,
): Promise<Drained> {
  const all = await from.attempt((store) => store.readLog(collection, options.limit ?? LIMIT), CALL_MS);
  const entries = options.minAgeMs ? await olderThan(from, all, options.minAgeMs) : all;
  if (entries.length === 0) return NOT_DRAINED;
  const parts: LogEntry[][] = [];
  for (let at = 0; at < entries.length; at += PART) parts.push(entries.slice(at, at + PART));
  const drained = { done: 0, again: 0, fenced: false };
  const refused: Refused[] = [];
  const work = async () => {
    for (let part = parts.shift(); part && !drained.fenced; part = parts.shift()) {
      const one = await drainPart(context, collection, from, to, part, options);
      if (one === "fenced") drained.fenced = true;
      else {
        drained.done += one.done;
        if (one.done > 0) options.moved?.();
        refused.push(...one.refused);
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: PARTS_UNDER_WAY }, work));
  const failed = ended.find((one) => one.status === "rejected");
  if (!failed && !drained.fenced) {
    const { forGood, again } = refusals.count(`${from.store.name} ${collection.name}`, refused);
    drained.again = again.length;
    const kept = await setAside(context, collection, from, forGood, options.refuse);
    drained.done += kept;
    if (kept > 0) options.moved?.();
  }
  if (drained.done > 0) {
    const clock = await from.attempt((store) => store.now(), CALL_MS);
    const lagMs = Math.max(0, clock - Math.floor((entries[0] as LogEntry).stamp / 1000));
    context.events.emit("repair", events.repair(collection.name, to.store.name, drained.done, lagMs));
  }
  if (failed) throw failed.reason;
  return { ...drained, seen: entries.length };
}

async function drainPart(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  from: Guard,
  to: Guard,
  entries: readonly LogEntry[],
  options: DrainOptions,
): Promise<"fenced" | { readonly done: number; readonly refused: readonly Refused[] }> {
  const adopt = options.adopt ? "changed" : null;
  const sent = await sendPresent(collection, from, to, entries, { term: options.term, adopt });
  if (sent.reply.fenced) return "fenced";

  const confirmed: LogEntry[] = [...sent.gone];
  const refused: Refused[] = sent.unreadable.map((one) => ({ ...one, value: null }));
  for (const [i, result] of sent.reply.results.entries()) {
    const { id, state, held } = sent.messages[i] as Sending;
    const entry = entryOf(id, state);
    if (result.kind === "rejected") refused.push({ entry, reason: result.reason, value: refusedValue(held) });
    else if (result.kind === "applied" || result.stamp >= state.stamp) {
      confirmed.push(entry);
      reportOverwritten(context, collection, to.store.name, id, state.stamp, result);
    }
  }
  if (confirmed.length > 0) await from.attempt((store) => store.clearLog(collection, confirmed), CALL_MS);
  return { done: confirmed.length, refused };
}

/** What is refused for good leaves the log once it is kept elsewhere. Returns how many did. */
async function setAside(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  from: Guard,
  refused: readonly Refused[],
  refuse: DrainOptions["refuse"],
): Promise<number> {
  const kept: LogEntry[] = [];
  for (const { entry, reason, value } of refused) {
    context.events.emit("rejected", events.rejected(collection.name, entry.id, reason));
    if (await refuse({ collection, id: entry.id, reason, value, stamp: entry.stamp })) kept.push(entry);
  }
  if (kept.length > 0) await from.attempt((store) => store.clearLog(collection, kept), CALL_MS);
  return kept.length;
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
  const refusals = options.refusals ?? new Refusals();
  for (;;) {
    signal?.throwIfAborted();
    const drained = await drainBatch(context, collection, from, to, { ...options, refusals });
    if (drained.seen === 0) return true;
    if (drained.fenced || drained.done + drained.again === 0) return false;
  }
}

/**
 * Both directions of every collection: the authority's log into the mirror, and what a lost reign left in the mirror's log. `full`:
 * one of the logs had a whole batch, so more may wait.
 */
export async function drainBoth(
  context: DrainContext,
  collections: readonly Collection[],
  options: Omit<DrainOptions, "term" | "adopt" | "refuse"> & {
    readonly refuse: (from: StoreName) => DrainOptions["refuse"];
  },
  signal?: AbortSignal,
): Promise<{ empty: boolean; full: boolean; done: number }> {
  const { redis, postgres } = context;
  if (!redis) return { empty: true, full: false, done: 0 };
  const reign = await context.term.require();
  let empty = true;
  let full = false;
  let done = 0;
  let again = 0;
  const failures: unknown[] = [];
  for (const collection of collections) {
    for (const [from, to] of [
      [guardOf(context, reign.authority), reign.authority === "redis" ? postgres : redis],
      [reign.authority === "redis" ? postgres : redis, guardOf(context, reign.authority)],
    ] as [Guard, Guard][]) {
      signal?.throwIfAborted();
      const isAuthority = from.store.name === reign.authority;
      const batch = { ...options, refuse: options.refuse(from.store.name), term: reign.term, adopt: isAuthority };
      const drained = await drainBatch(context, collection, from, to, batch).catch((error: unknown) => {
        if (isTransient(error)) throw error;
        // Something is wrong with this collection (its table was altered, say): the others go on.
        failures.push(error);
        const told = events.mirrorFailure(collection.name, to.store.name, 1, describe(error));
        context.events.emit("mirrorFailure", told);
        return NOT_DRAINED;
      });
      if (drained.fenced) context.term.contradicted();
      if (drained.seen > 0 && (isAuthority || drained.done > 0)) empty = false;
      if (drained.seen >= (options.limit ?? LIMIT)) full = true;
      done += drained.done;
      again += drained.again;
    }
  }
  // As long as something moves, it is worth going on.
  if (failures.length > 0 && done + again === 0) throw failures[0];
  return { empty: empty && failures.length === 0, full, done };
}

async function olderThan(from: Guard, entries: readonly LogEntry[], minAgeMs: number): Promise<LogEntry[]> {
  if (entries.length === 0) return [];
  const clock = await from.attempt((store) => store.now(), CALL_MS);
  // A stamp ahead of the clock (it was pushed, or the clock went back) tells no age: such an entry is taken now.
  return entries.filter(({ stamp }) => stamp / 1000 <= clock - minAgeMs || stamp / 1000 > clock + 1000);
}
