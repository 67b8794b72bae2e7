/** The one place where a store call gets its deadline and its circuit breaker. */
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from "cockatiel";
import { coalesced, type TimedCalls, uncoalesced } from "./coalescing/coalesced.js";
import type { Store } from "./store.js";
import { isOutage, StoreTimeoutError } from "./transient-errors.js";
import { within } from "./within.js";

export interface GuardOptions {
  /** Consecutive failures that open the circuit. @default 5 */
  readonly failures?: number;
  /** Milliseconds between the probes by which an open circuit finds that the store is back. @default 250 */
  readonly probeEveryMs?: number;
  /**
   * A call that was given less time says more about its caller than about the store, and doesn't count: one impatient caller
   * mustn't open the circuit for all. Milliseconds. @default 100
   */
  readonly patienceMs?: number;
  /** Gathers the hot calls that are under way at once into few round trips. @default false */
  readonly coalesce?: boolean;
}

/** Unless a store is to be answered faster. Milliseconds. */
export const PATIENCE_MS = 100;

/** How long a probe may take. Milliseconds. */
const PROBE_MS = 1000;

export class Guard<S extends Store = Store> {
  readonly store: S;
  /** The calls that every operation makes. The circuit sees each round trip once, however many calls share it. */
  readonly hot: TimedCalls;
  readonly #breaker: CircuitBreakerPolicy;

  readonly #probeEveryMs: number;
  #prober: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(store: S, options: GuardOptions = {}) {
    this.store = store;
    this.#probeEveryMs = options.probeEveryMs ?? 250;
    this.#breaker = circuitBreaker(
      handleWhen((error) => isOutage(error) && !isHaste(error, options.patienceMs ?? PATIENCE_MS)),
      { halfOpenAfter: 0, breaker: new ConsecutiveBreaker(options.failures ?? 5) },
    );
    this.#breaker.onBreak(() => this.#probeLater());
    const attempt = <T>(call: (store: Store) => Promise<T>, timeoutMs: number) => this.attempt(call, timeoutMs);
    this.hot = options.coalesce ? coalesced(attempt, store.sameIdTwice ?? false) : uncoalesced(attempt);
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
      () => new StoreTimeoutError(`${name} didn't answer within ${Math.round(timeoutMs)} ms`, timeoutMs),
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
}

/** A short reason for messages and logs, without values. */
export function describe(error: unknown): string {
  if (error instanceof BrokenCircuitError) return "the circuit is open after repeated failures";
  const { name, message } = error as { name?: string; message?: string };
  return message || name || String(error);
}

function isHaste(error: unknown, patienceMs: number): boolean {
  return error instanceof StoreTimeoutError && error.waitedMs < patienceMs;
}
