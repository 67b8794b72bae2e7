/** What this process believes about the present term, and how it finds out. The stores' fences have the last word. */
import { FencedError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { retried } from "../stores/retry.js";
import { otherStore, type StoreName } from "../stores/state.js";
import type { Fence } from "../stores/store.js";
import { within } from "../stores/within.js";

export interface Reign {
  readonly term: number;
  readonly authority: StoreName;
}

/** Both fences as last seen; undefined: the store didn't answer; null: it has none. */
export interface Fences {
  readonly redis: Fence | null | undefined;
  readonly postgres: Fence | null | undefined;
}

/** Who reigns, as far as these fences tell; null while that is being settled. */
export function reignOf(fences: Fences): Reign | null {
  const seen = (["redis", "postgres"] as const).flatMap((name) => {
    const fence = fences[name];
    return fence ? [{ name, fence }] : [];
  });
  const open = seen.filter(({ fence }) => fence.role === "authority").sort((a, b) => b.fence.term - a.fence.term)[0];
  const highest = Math.max(0, ...seen.map(({ fence }) => fence.term));
  if (open && open.fence.term === highest) return { term: open.fence.term, authority: open.name };
  // One store is out of reach and the other says that it is the mirror.
  const only = seen.length === 1 ? seen[0] : undefined;
  if (only && only.fence.role === "mirror" && fences[otherStore(only.name)] === undefined) {
    return { term: only.fence.term, authority: otherStore(only.name) };
  }
  return null;
}

export class TermView {
  readonly #redis: () => Guard | null;
  readonly #postgres: Guard;
  /** Asks for the terms to be settled: bootstrap, recovery, handover. */
  readonly #settle: () => void;
  /** What the fences' `complete` speaks of. */
  readonly #collections: () => readonly Collection[];
  #reign: Reign | null = null;
  #last: Reign | null = null;
  #greatest = 0;
  #refreshing: Promise<Fences> | null = null;

  constructor(
    redis: () => Guard | null,
    postgres: Guard,
    settle: () => void,
    collections: () => readonly Collection[],
  ) {
    this.#redis = redis;
    this.#postgres = postgres;
    this.#settle = settle;
    this.#collections = collections;
  }

  /** The last reign known, which may have ended meanwhile. */
  get reign(): Reign | null {
    return this.#reign;
  }

  /** The newest reign this process ever saw, even if it has ended. */
  get last(): Reign | null {
    return this.#last;
  }

  /** The greatest term that any fence showed this process; 0 if it saw none. */
  get greatest(): number {
    return this.#greatest;
  }

  /** Reads both fences anew; concurrent callers share one look. */
  refresh(): Promise<Fences> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** The present reign. @throws FencedError while none is known: retry */
  async require(): Promise<Reign> {
    if (this.#reign) return this.#reign;
    const fences = await this.refresh();
    if (this.#reign) return this.#reign;
    this.#settle();
    throw new FencedError(
      `The authority is being settled (Redis: ${show(fences.redis)}, Postgres: ${show(fences.postgres)}). Retry in a moment.`,
    );
  }

  /** A store answered with a fence that contradicts the reign believed in. */
  contradicted(): void {
    this.#reign = null;
  }

  async #look(): Promise<Fences> {
    const [redis, postgres] = await Promise.all([this.#fenceOf(this.#redis()), this.#fenceOf(this.#postgres)]);
    const fences: Fences = { redis, postgres };
    this.#greatest = Math.max(this.#greatest, redis?.term ?? 0, postgres?.term ?? 0);
    this.#reign = reignOf(fences);
    if (this.#reign && this.#reign.term >= (this.#last?.term ?? 0)) this.#last = this.#reign;
    return fences;
  }

  async #fenceOf(guard: Guard | null): Promise<Fence | null | undefined> {
    if (!guard) return undefined;
    try {
      return await guard.attempt((store) => store.readFence(this.#collections()), 1000);
    } catch {
      return undefined;
    }
  }
}

function show(fence: Fence | null | undefined): string {
  if (fence === undefined) return "no answer";
  return fence ? `${fence.role} in term ${fence.term}` : "no fence";
}

/** Nothing was done. */
const tooLate = () => new FencedError("The deadline passed while the authority was looked for.");

type TermContext = { readonly redis: Guard | null; readonly postgres: Guard; readonly term: TermView };

/** One try of the authority's step, within `timeoutMs`; `fenced`: that reign has ended, and nothing is kept of the try. */
type Step<T> = (guard: Guard, reign: Reign, timeoutMs: number) => Promise<T | "fenced">;

/** Runs one authority step under the present term, again under the next one if a fence refuses it, until the deadline. */
export function atAuthority<T>(
  context: TermContext,
  operation: Operation,
  what: () => string,
  step: Step<T>,
): Promise<T> {
  return retried(operation, what, () => underTerm(context, operation, what, step));
}

async function underTerm<T>(context: TermContext, operation: Operation, what: () => string, step: Step<T>): Promise<T> {
  // A refusal by a fence costs nothing, so the next term is tried at once before backing off.
  for (let tries = 0; tries < 3; tries++) {
    const reign = context.term.reign ?? (await lookedFor(context, operation));
    const guard = guardOfReign(context, reign);
    try {
      operation.sending = true;
      const result = await step(guard, reign, Math.max(1, Math.min(operation.remaining, ATTEMPT_MS)));
      if (result !== "fenced") return result;
    } catch (error) {
      // The authority may have moved while it was out of reach.
      void context.term.refresh().catch(() => describe(error));
      throw error;
    }
    operation.sending = false;
    context.term.contradicted();
  }
  throw new FencedError(`${what()} met a fence again and again. Retry it.`);
}

/** A look at the fences may take longer than the operation has; nothing was done then. */
function lookedFor({ term }: TermContext, operation: Operation): Promise<Reign> {
  return operation.orCancelled(within(operation.remaining, term.require(), tooLate), tooLate);
}

function guardOfReign(context: TermContext, { authority }: Reign): Guard {
  const guard = authority === "redis" ? context.redis : context.postgres;
  if (!guard) throw new FencedError("Redis is the authority, but this process has no connection to it.");
  return guard;
}

/** One attempt never takes all the time that an operation has: a silent store is asked again, a write with the same id. Milliseconds. */
export const ATTEMPT_MS = 1000;
