/** Reads from the store whose fence says that it is the authority, wherever that is by now. */
import { FencedError } from "../errors.js";
import type { Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { otherStore, type StoreName } from "../stores/state.js";
import type { Fence } from "../stores/store.js";
import { within } from "../stores/within.js";
import { type EngineContext, guardOf } from "./context.js";
import { PRIMARY_SHARE } from "./fallback.js";
import { ATTEMPT_MS } from "./term-view.js";

/** A reply whose fence says how far it may be believed. */
export interface Fenced {
  readonly fence: Fence | null;
}

export interface AuthorityReply<R> {
  readonly store: StoreName;
  readonly fence: Fence;
  readonly reply: R;
}

/** The read failed; `store` is the one that should have answered. */
export class AuthorityReadError extends Error {
  override readonly name = "AuthorityReadError";
  readonly store: StoreName;
  constructor(store: StoreName, cause: unknown) {
    super("the authority could not be read", { cause });
    this.store = store;
  }
}

/** The reign ended during the read, so what it said last isn't the truth any more; the next one may answer at once. */
export class TermMovedError extends AuthorityReadError {
  constructor(store: StoreName) {
    super(store, new FencedError("The term moved during the read."));
  }
}

/** How often a read begins again: terms move rarely, unless something keeps taking Redis's memory. */
const READ_TRIES = 4;

/** Reads, and again from the start where the term moved meanwhile. @throws AuthorityReadError */
export async function acrossTerms<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TermMovedError) || tries === READ_TRIES) throw error;
    }
  }
}

/** Milliseconds for the first question of a read. */
export function firstShare(operation: Operation): number {
  return Math.max(1, Math.min(operation.remaining * PRIMARY_SHARE, ATTEMPT_MS));
}

/** Who is to be asked first. */
export function believedAuthority(context: EngineContext): StoreName {
  return context.term.reign?.authority ?? (context.redis ? "redis" : "postgres");
}

/**
 * Follows the fences to the authority, within the authority's share of the operation's time.
 * @throws AuthorityReadError
 */
export async function readAuthority<R extends Fenced>(
  context: EngineContext,
  operation: Operation,
  read: (guard: Guard, timeoutMs: number) => Promise<R>,
): Promise<AuthorityReply<R>> {
  const total = operation.remaining * PRIMARY_SHARE;
  const until = performance.now() + total;
  const left = () => Math.max(1, Math.min(until - performance.now(), ATTEMPT_MS));
  let store = believedAuthority(context);
  for (;;) {
    const guard = guardOf(context, store);
    if (!guard) throw new AuthorityReadError(store, new Error("no connection to Redis is configured"));
    let reply: R;
    try {
      reply = await read(guard, left());
    } catch (error) {
      void context.term.refresh();
      throw new AuthorityReadError(store, error);
    }
    if (reply.fence?.role === "authority") return { store, fence: reply.fence, reply };
    if (reply.fence?.role === "closed") {
      const after = await readAfterClosed(context, otherStore(store), reply.fence.term, read, left());
      if (after) return after;
      // Nothing was opened after this reign when the other store was asked, so what was read before is still the truth.
      return { store, fence: reply.fence, reply };
    }
    context.term.contradicted();
    const notFound = () => new FencedError("The authority wasn't found in the time of the read.");
    const reign = await within(left(), context.term.require(), notFound).catch((error: Error) => error);
    if (reign instanceof Error) {
      if (performance.now() + 20 > until)
        throw new AuthorityReadError(
          store,
          reign instanceof FencedError ? reign : new Error("the authority is being settled"),
        );
      await new Promise((resolve) => setTimeout(resolve, 10));
    } else {
      store = reign.authority;
      if (performance.now() > until)
        throw new AuthorityReadError(store, new Error("the authority moved during the whole read"));
    }
  }
}

/** The other store's answer if it reigns after `term`; null if it doesn't. @throws AuthorityReadError if it can't be asked */
async function readAfterClosed<R extends Fenced>(
  context: EngineContext,
  store: StoreName,
  term: number,
  read: (guard: Guard, timeoutMs: number) => Promise<R>,
  timeoutMs: number,
): Promise<AuthorityReply<R> | null> {
  const guard = guardOf(context, store);
  if (!guard) return null;
  try {
    const reply = await read(guard, timeoutMs);
    if (reply.fence?.role === "authority" && reply.fence.term > term) return { store, fence: reply.fence, reply };
    return null;
  } catch (error) {
    throw new AuthorityReadError(store, error);
  }
}
