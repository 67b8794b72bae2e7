/**
 * The course of every write, of records as of counters: the authority decides, what it has lost is fetched first, the mirror is told.
 * Functions that wait are kept short here and their rare parts apart, since each call pays for the room that all of its parts take.
 */
import { type OutcomeUnknownError, ValidationError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { outcomeUnknown } from "../stores/retry.js";
import type { CounterAddResult, Fenced, RecordWriteResult } from "../stores/store.js";
import type { EngineContext } from "./context.js";
import type { Message, Told } from "./mirror.js";
import { type Incomplete, uncompared } from "./refetch.js";
import { atAuthority, type Reign } from "./term-view.js";

type Result = RecordWriteResult | CounterAddResult;

/** What a result tells of. */
type StateOf<R extends Result> = Extract<R, { readonly state: unknown }>["state"];

/** A result that the caller is told. */
export type Decided<R extends Result> = Extract<R, { kind: "written" | "added" | "repeated" | "conflict" }>;

/** What writes of records and increments of counters have of their own. */
export interface WriteKind<C extends Collection, I extends { readonly id: string }, R extends Result> {
  /** For messages: what is done, such as "A write to users". */
  readonly what: (collection: C) => string;
  /** For messages: what the authority refuses to do. */
  readonly refusedTo: string;
  /** The authority's step. */
  readonly decide: (
    guard: Guard,
    collection: C,
    term: number,
    items: readonly I[],
    timeoutMs: number,
  ) => Promise<Fenced<R>>;
  /** Brings what the other store has of these into an authority that lost its memory; an error if that can't be asked. */
  readonly fetch: (
    context: EngineContext,
    collection: C,
    ids: readonly string[],
    operation: Operation,
    incomplete: Incomplete,
    timeoutMs: number,
  ) => Promise<Error | null>;
  readonly tell: (
    context: EngineContext,
    collection: C,
    reign: Reign,
    messages: readonly Message<StateOf<R>>[],
    operation: Operation,
  ) => Promise<Told>;
}

/**
 * Does all of `items` in one step of the authority, acknowledged as the strategy says.
 * @throws AuthorityUnavailableError, OutcomeUnknownError, DeadlineExceededError, ValidationError (refused for good)
 */
export async function decideAndTell<C extends Collection, I extends { readonly id: string }, R extends Result>(
  context: EngineContext,
  kind: WriteKind<C, I, R>,
  collection: C,
  items: readonly I[],
  operation: Operation,
): Promise<Decided<R>[]> {
  const results = await atAuthority(
    context,
    operation,
    () => kind.what(collection),
    (guard, reign, timeoutMs) => decideUnder(context, kind, collection, items, operation, guard, reign, timeoutMs),
  );
  for (const one of results) if (one.kind === "rejected") throw refusal(kind, collection, one.reason, operation);
  return results as Decided<R>[];
}

async function decideUnder<C extends Collection, I extends { readonly id: string }, R extends Result>(
  context: EngineContext,
  kind: WriteKind<C, I, R>,
  collection: C,
  items: readonly I[],
  operation: Operation,
  guard: Guard,
  reign: Reign,
  timeoutMs: number,
): Promise<readonly R[] | "fenced"> {
  let reply = await kind.decide(guard, collection, reign.term, items, timeoutMs);
  if (!reply.fenced && reply.results.some(isSuspect))
    reply = await decideAgain(context, kind, collection, items, reply.results, operation, guard, reign, timeoutMs);
  if (reply.fenced) return "fenced";
  const told = await kind.tell(context, collection, reign, messagesOf(items, reply.results), operation);
  if (told === "told") return reply.results;
  operation.uncertain = true;
  return "fenced";
}

/** The authority lost its memory: what the other store has of the suspects comes first. */
async function decideAgain<C extends Collection, I extends { readonly id: string }, R extends Result>(
  context: EngineContext,
  kind: WriteKind<C, I, R>,
  collection: C,
  items: readonly I[],
  first: readonly R[],
  operation: Operation,
  guard: Guard,
  reign: Reign,
  timeoutMs: number,
): Promise<Fenced<R>> {
  const fence = { term: reign.term, role: "authority", complete: false } as const;
  // Each step takes its part of the time.
  const left = () => Math.max(1, Math.min(operation.remaining, timeoutMs));
  const suspects = items.flatMap(({ id }, i) => (isSuspect(first[i] as R) ? [id] : []));
  const incomplete = { store: reign.authority, fence };
  const failed = await kind.fetch(context, collection, suspects, operation, incomplete, left());
  if (failed) throw uncompared(failed);
  const compared = items.map((item) => (suspects.includes(item.id) ? { ...item, compared: true } : item));
  return kind.decide(guard, collection, reign.term, compared, left());
}

function isSuspect({ kind }: Result): boolean {
  return kind === "suspect";
}

/** What the mirror is to hear: what stands, but for what a store that serves alone may not tell yet. */
function messagesOf<R extends Result>(
  items: readonly { readonly id: string }[],
  results: readonly R[],
): Message<StateOf<R>>[] {
  const messages: Message<StateOf<R>>[] = [];
  for (let i = 0; i < results.length; i++) {
    const one = results[i] as Result;
    if (!("state" in one) || ("alone" in one && one.alone)) continue;
    messages.push({ id: (items[i] as { readonly id: string }).id, state: one.state as StateOf<R> });
  }
  return messages;
}

function refusal<C extends Collection>(
  { what, refusedTo }: { readonly what: (collection: C) => string; readonly refusedTo: string },
  collection: C,
  reason: string,
  operation: Operation,
): ValidationError | OutcomeUnknownError {
  const refused = new ValidationError(
    [{ path: "", message: `${collection.name}: the authority refuses ${refusedTo}: ${reason}` }],
    { operationId: operation.id },
  );
  // It says nothing of an earlier attempt: that may be carried out yet, when what was against it is gone.
  if (!operation.unheard && !operation.uncertain) return refused;
  return outcomeUnknown(what(collection), { cause: refused, operationId: operation.id });
}
