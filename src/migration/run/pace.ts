/** Keeps a long run within bounds: no faster than asked, and slower when the stores, or those who use them, suffer. */
import type { PostgresStore } from "../../stores/postgres/postgres-store.js";
import type { RedisStore } from "../../stores/redis/redis-store.js";
import { Politeness } from "./politeness.js";

export interface PaceOptions {
  /** Keys a second at most. @default as fast as the stores can */
  readonly rate?: number | undefined;
  /** Gives way to everybody else: see politeness.ts. @default false */
  readonly polite?: boolean | undefined;
}

/** A page that takes this many times longer than usual means that a store suffers. */
const SUFFERING = 4;
/** A page faster than this is never a sign of suffering. Milliseconds. */
const FAST_MS = 100;
const LONGEST_REST_MS = 5000;

export class Pace {
  readonly #rate: number | undefined;
  readonly #began = performance.now();
  #keys = 0;
  /** The usual time a key takes; rises slowly, so that a long slowness is taken for normal only after many pages. */
  #usualMs: number | null = null;
  readonly #politeness: Politeness | null;

  constructor({ rate, polite }: PaceOptions) {
    this.#rate = rate;
    this.#politeness = polite ? new Politeness() : null;
  }

  /** Does the run's work; watches the stores meanwhile if it is a polite one. */
  async during<T>(stores: readonly (RedisStore | PostgresStore)[], work: () => Promise<T>): Promise<T> {
    if (!this.#politeness) return work();
    const beside = await Promise.all(stores.map((store) => store.beside()));
    try {
      return await this.#politeness.during(beside, work);
    } finally {
      await Promise.all(beside.map((store) => store.close()));
    }
  }

  /** Keys of a page for which so many were asked. */
  pageKeys(most: number): number {
    return this.#politeness?.pageKeys(most) ?? most;
  }

  /** How long to rest after a page. Milliseconds. */
  restAfter(keys: number, tookMs: number): number {
    this.#keys += keys;
    const relief = Math.max(this.#untilRelieved(keys, tookMs), this.#politeness?.restAfter(tookMs) ?? 0);
    const ms = Math.max(this.#untilDue(), Math.min(LONGEST_REST_MS, relief));
    this.#politeness?.resting(ms);
    return ms;
  }

  #untilDue(): number {
    if (this.#rate === undefined) return 0;
    return Math.max(0, this.#began + (this.#keys / this.#rate) * 1000 - performance.now());
  }

  #untilRelieved(keys: number, tookMs: number): number {
    if (keys === 0) return 0;
    const perKey = tookMs / keys;
    const usual = this.#usualMs ?? perKey;
    this.#usualMs = perKey < usual ? (usual + perKey) / 2 : usual * 1.02;
    return tookMs > FAST_MS && perKey > usual * SUFFERING ? tookMs : 0;
  }
}

/** Rejects with the signal's reason when it aborts. */
export function rest(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const end = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(end, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
