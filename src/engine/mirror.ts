/** Tells the mirror what the authority decided. Its failure changes nothing for the caller: the repair log remembers. */
import type { Collection, CounterCollection, RecordCollection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { type CounterState, otherStore, type RecordState } from "../stores/state.js";
import type { ApplyResult, Fenced, LogEntry } from "../stores/store.js";
import { type EngineContext, guardOf } from "./context.js";
import { events } from "./events.js";
import type { Reign } from "./term-view.js";

export interface Message<S> {
  readonly id: string;
  readonly state: S;
}

/**
 * `told`: the mirror confirmed, or the repair log remembers.
 * `superseded`: the mirror knows a later term, so the authority that decided reigns no more and may have lost its memory: begin
 * again, with the same operation ids.
 */
export type Told = "told" | "superseded";

export function mirrorRecords(
  context: EngineContext,
  collection: RecordCollection,
  reign: Reign,
  messages: readonly Message<RecordState>[],
  operation: Operation,
): Promise<Told> {
  return mirror(context, collection, reign, messages, operation, (guard, timeoutMs) =>
    guard.hot.applyRecords(collection, reign.term, messages, timeoutMs),
  );
}

export function mirrorCounters(
  context: EngineContext,
  collection: CounterCollection,
  reign: Reign,
  messages: readonly Message<CounterState>[],
  operation: Operation,
): Promise<Told> {
  return mirror(context, collection, reign, messages, operation, (guard, timeoutMs) =>
    guard.hot.applyCounters(collection, reign.term, messages, timeoutMs),
  );
}

async function mirror(
  context: EngineContext,
  collection: Collection,
  reign: Reign,
  messages: readonly Message<RecordState | CounterState>[],
  operation: Operation,
  apply: (guard: Guard, timeoutMs: number) => Promise<Fenced<ApplyResult>>,
): Promise<Told> {
  if (context.policy().mirror === "background" || messages.length === 0) return "told";
  const guard = guardOf(context, otherStore(reign.authority));
  const authority = guardOf(context, reign.authority);
  if (!guard || !authority) return "told";
  try {
    const reply = await apply(guard, Math.max(1, Math.min(context.deadlines.mirror, operation.remaining)));
    return heard(context, authority, collection, reign, messages, reply);
  } catch (error) {
    fail(context, collection, reign, messages, describe(error));
  }
  return "told";
}

/** What the mirror's answer says of each message. */
function heard(
  context: EngineContext,
  authority: Guard,
  collection: Collection,
  reign: Reign,
  messages: readonly Message<RecordState | CounterState>[],
  reply: Fenced<ApplyResult>,
): Told {
  if (reply.fenced) {
    if (reply.fence && reply.fence.term > reign.term) return "superseded";
    fail(context, collection, reign, messages, "the mirror is being set up");
    return "told";
  }
  const confirmed: LogEntry[] = [];
  for (let i = 0; i < messages.length; i++) {
    const { id, state } = messages[i] as Message<RecordState | CounterState>;
    const result = reply.results[i] as ApplyResult;
    if (result.kind === "rejected") {
      fail(context, collection, reign, messages, result.reason);
      continue;
    }
    confirmed.push(entryOf(id, state));
    reportOverwritten(context, collection, otherStore(reign.authority), id, state.stamp, result);
  }
  if (confirmed.length > 0) context.clearer.add(authority, collection, confirmed);
  return "told";
}

function fail(
  { events: hub }: EngineContext,
  collection: Collection,
  { authority }: Reign,
  messages: readonly unknown[],
  reason: string,
): void {
  hub.emit("mirrorFailure", events.mirrorFailure(collection.name, otherStore(authority), messages.length, reason));
}

/** The repair-log entry that a state answers. */
export function entryOf(id: string, state: RecordState | CounterState): LogEntry {
  return { id, stamp: state.stamp, live: "bytes" in state && state.bytes !== null };
}

/** A bypass writer's change that nobody adopted was replaced: it can't be kept, so it is told. */
export function reportOverwritten(
  context: Pick<EngineContext, "events">,
  collection: Collection,
  mirrorName: "redis" | "postgres",
  id: string,
  stamp: number,
  result: ApplyResult,
): void {
  if (result.kind !== "applied" || !result.overwrote) return;
  const stamps: [number | null, number | null] = mirrorName === "redis" ? [null, stamp] : [stamp, null];
  context.events.emit("divergence", events.divergence("bypass-overwritten", collection.name, id, ...stamps));
}
