/** The one place where a store call gets its deadline, its retries and its circuit breaker. */
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from "cockatiel";
import pRetry from "p-retry";
import { AuthorityUnavailableError, DeadlineExceededError, FencedError, OutcomeUnknownError } from "../errors.js";
import type { Operation } from "./operation.js";
import type { Store } from "./store.js";
import { isOutage, isTransient, provesNothingDone, StoreTimeoutError } from "./transient-errors.js";
import { within } from "./within.js";

export interface GuardOptions {
  /** Consecutive failures that open the circuit. @default 5 */
  readonly failures?: number;
  /** Milliseconds between the probes by which an open circuit finds that the store is back. @default 250 */
  readonly probeEveryMs?: number;
}

/** How long a probe may take. Milliseconds. */
const PROBE_MS = 1000;

export class Guard<S extends Store = Store> {
  readonly store: S;
  readonly #breaker: CircuitBreakerPolicy;

  readonly #probeEveryMs: number;
  #prober: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(store: S, options: GuardOptions = {}) {
    this.store = store;
    this.#probeEveryMs = options.probeEveryMs ?? 250;
    this.#breaker = circuitBreaker(
      handleWhen((error) => isOutage(error)),
      { halfOpenAfter: 0, breaker: new ConsecutiveBreaker(options.failures ?? 5) },
    );
    this.#breaker.onBreak(() => this.#probeLater());
  }

  get circuit(): "closed" | "open" | "half-open" {
    switch (this.#breaker.state) {
      case CircuitState.Closed:
        return "closed";
      case CircuitState.HalfOpen:
        return "half-open";
      default:
        return "open";
    }
  }

  /** One attempt, settled after `timeoutMs` at the latest even if the driver never answers. */
  attempt<T>(call: (store: S) => Promise<T>, timeoutMs: number): Promise<T> {
    if (this.#breaker.state !== CircuitState.Closed) return Promise.reject(new BrokenCircuitError());
    return this.#breaker.execute(() => this.#within(timeoutMs, call(this.store)));
  }

  #within<T>(timeoutMs: number, call: Promise<T>): Promise<T> {
    const { name } = this.store;
    return within(
      timeoutMs,
      call,
      () => new StoreTimeoutError(`${name} didn't answer within ${Math.round(timeoutMs)} ms`),
    );
  }

  /** Ends the probing. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#prober);
  }

  /** A failing store is asked by a probe of our own, so that no caller pays for finding out that it is still away. */
  #probeLater(): void {
    clearTimeout(this.#prober);
    if (this.#stopped) return;
    this.#prober = setTimeout(() => {
      this.#breaker
        .execute(() => this.#within(PROBE_MS, this.store.now()))
        .catch(() => {
          if (this.#breaker.state !== CircuitState.Closed) this.#probeLater();
        });
    }, this.#probeEveryMs);
    this.#prober.unref();
  }

  /**
   * Repeats `call` until it succeeds, fails for good, or the operation's deadline passes.
   * @throws OutcomeUnknownError if an attempt may have been carried out and its answer was lost
   * @throws AuthorityUnavailableError if certainly nothing was done
   */
  static async retry<T>(operation: Operation, what: string, call: () => Promise<T>): Promise<T> {
    let mayBeDone = false;
    let last: unknown;
    // p-retry looks at the signal once more after a success: what was done is not to be called undone then.
    let done: { readonly value: T } | undefined;
    const attempt = async () => {
      if (operation.expired) throw new StoreTimeoutError("the deadline passed before the next attempt");
      try {
        const value = await call();
        done = { value };
        return value;
      } catch (error) {
        last = error;
        if (operation.sending && !(error instanceof FencedError) && !provesNothingDone(error)) mayBeDone = true;
        throw error;
      } finally {
        operation.sending = false;
      }
    };
    try {
      return await pRetry(attempt, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 15,
        maxTimeout: 200,
        factor: 2,
        randomize: true,
        ...(operation.cancel ? { signal: operation.cancel } : {}),
        shouldRetry: ({ error }) => (error instanceof FencedError || isTransient(error)) && !operation.expired,
      });
    } catch (error) {
      if (done) return done.value;
      // The caller cancelled while an attempt was under way.
      if (operation.sending || operation.uncertain) mayBeDone = true;
      if (!operation.expired && !operation.cancelled) throw error;
      const options = { cause: last ?? error, operationId: operation.id };
      if (mayBeDone) {
        throw new OutcomeUnknownError(
          `${what} was sent but not answered in time, so whether it was applied is unknown. Repeat it with operationId "${operation.id}": it is applied at most once.`,
          options,
        );
      }
      if (operation.cancelled)
        throw new DeadlineExceededError(`${what} was cancelled by its signal; nothing was applied.`, options);
      if (last === undefined)
        throw new DeadlineExceededError(`${what} found no time before its deadline; nothing was applied.`, options);
      throw new AuthorityUnavailableError(
        `${what} could not reach the authority before its deadline; nothing was applied. Retry it when the store is back. (${describe(last)})`,
        options,
      );
    }
  }
}

/** A short reason for messages and logs, without values. */
export function describe(error: unknown): string {
  if (error instanceof BrokenCircuitError) return "the circuit is open after repeated failures";
  const { name, message } = error as { name?: string; message?: string };
  return message || name || String(error);
}
