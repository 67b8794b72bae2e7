/** A counter collection as its users see it. */
import { type Issue, ValidationError } from "../errors.js";
import type { CallOptions } from "../stores/operation.js";
import type { CounterAdd } from "../stores/store.js";
import type { Comparison } from "./comparison.js";
import type { EngineContext } from "./context.js";
import { addToCounters, readCounters } from "./counters.js";
import type { BoundCounters } from "./define-counters.js";
import { orCancelled, type ReadOutcome } from "./outcome.js";

export class Counters {
  readonly #context: EngineContext;
  readonly #collection: BoundCounters;
  readonly #comparison: Comparison;

  constructor(context: EngineContext, collection: BoundCounters, comparison: Comparison) {
    this.#context = context;
    this.#collection = collection;
    this.#comparison = comparison;
  }

  get name(): string {
    return this.#collection.name;
  }

  /** Adds to all of these counters together, in one step of the authority. Returns what each stands at. `by` is a whole number from 1. */
  async add(
    entries: readonly { readonly id: string; readonly by: number }[],
    options?: CallOptions,
  ): Promise<Map<string, number>> {
    checkAdds(entries);
    const { inFlight, deadlines } = this.#context;
    const operation = inFlight.begin(options, deadlines.write);
    try {
      const adds = entries.map(({ id, by }) => this.#addition(id, by, operation.id));
      return sumsById(entries, await addToCounters(this.#context, this.#collection, adds, operation));
    } finally {
      inFlight.end();
    }
  }

  /** What a counter stands at; 0 if it never was. @throws AuthorityUnavailableError when that can't be known */
  async get(id: string, options?: CallOptions): Promise<number> {
    return (await this.getMany([id], options)).get(id) as number;
  }

  async getMany(ids: readonly string[], options?: CallOptions): Promise<Map<string, number>> {
    const outcomes = await this.readMany(ids, options);
    return new Map(
      ids.map((id, i) => {
        const outcome = outcomes[i] as ReadOutcome<number>;
        if (outcome.kind === "error") throw outcome.error;
        return [id, outcome.kind === "hit" ? outcome.value : 0];
      }),
    );
  }

  /** One outcome for each id, in order. */
  async readMany(ids: readonly string[], options?: CallOptions): Promise<ReadOutcome<number>[]> {
    const outcomes = await this.#context.inFlight.run(options, this.#context.deadlines.read, (operation) =>
      orCancelled(operation, ids.length, readCounters(this.#context, this.#collection, ids, operation)),
    );
    this.#comparison.sample(this.#collection, ids, outcomes);
    return outcomes;
  }

  #addition(id: string, by: number, operationId: string): CounterAdd {
    const expiry = this.#collection.expiry(id);
    return { id, by, operationId, ttlMs: expiry?.ttlMs ?? null, renew: expiry?.renew ?? false };
  }
}

function sumsById(entries: readonly { readonly id: string }[], sums: readonly number[]): Map<string, number> {
  const byId = new Map<string, number>();
  for (let i = 0; i < entries.length; i++) byId.set((entries[i] as { readonly id: string }).id, sums[i] as number);
  return byId;
}

/** @throws ValidationError */
function checkAdds(entries: readonly { readonly id: string; readonly by: number }[]): void {
  const issues: Issue[] = [];
  for (const [i, { by }] of entries.entries()) {
    if (!(Number.isSafeInteger(by) && by >= 1))
      issues.push({ path: `[${i}].by`, message: "a whole number from 1 on: counters only rise" });
  }
  if (new Set(entries.map(({ id }) => id)).size < entries.length)
    issues.push({ path: "", message: "each counter may occur once in a call" });
  if (issues.length > 0) throw new ValidationError(issues);
}
