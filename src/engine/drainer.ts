/** Keeps both repair logs short in the background; one process of the fleet at a time does the work. */
import { FencedError } from "../errors.js";
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import { type RedisSide, taskOf } from "../stores/sides.js";
import { isTransient } from "../stores/transient-errors.js";
import type { DrainContext } from "./context.js";
import { drainBoth, type Refusal } from "./drain.js";
import { Refusals } from "./refusals.js";

/** Entries younger than this belong to a write that is still telling the mirror itself. Milliseconds. */
const MIN_AGE_MS = 100;
/** Pause when there was nothing to do. Milliseconds. */
const IDLE_MS = 200;
/** Pause where no log had a whole batch: what comes meanwhile goes together, which costs both stores a fraction. Milliseconds. */
const GATHER_MS = 100;
/** How long a drain that was asked for waits for a store that is away. Milliseconds. */
const PATIENCE_MS = 10_000;
/** A drainer that died is succeeded after this. Milliseconds. */
const TASK_MS = 2000;

export interface DrainerOptions {
  readonly processId: string;
  readonly collections: readonly Collection[];
  readonly redis: () => Guard<RedisSide> | null;
  readonly refuse: (from: "redis" | "postgres") => (refusal: Refusal) => Promise<boolean>;
}

export class Drainer {
  readonly #context: DrainContext;
  readonly #options: DrainerOptions;
  readonly #task: string;
  readonly #refusals = new Refusals();
  readonly #abort = new AbortController();
  #loop: Promise<void> | null = null;
  /** When an entry was worked off last, or a drain was asked for. Milliseconds, monotonic. */
  #movedAt = 0;
  /** The round under way: two at once would send the same states. */
  #round: Promise<unknown> = Promise.resolve();

  constructor(context: DrainContext, options: DrainerOptions) {
    this.#context = context;
    this.#options = options;
    this.#task = taskOf("drain", options.collections);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Works until both logs are empty.
   * @throws the signal's reason; what keeps a store from being reached when nothing moved for PATIENCE_MS
   */
  async drain(signal?: AbortSignal): Promise<void> {
    this.#movedAt = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      let done = 0;
      try {
        const drained = await this.#once(0, signal);
        if (drained.empty) return;
        done = drained.done;
      } catch (error) {
        const passes = isTransient(error) || error instanceof FencedError;
        if (!passes || performance.now() - this.#movedAt > PATIENCE_MS) throw error;
      }
      if (done === 0) await pause(50, signal);
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      let round = { done: 0, full: false };
      try {
        const redis = this.#options.redis();
        const mine =
          redis &&
          (await redis.attempt((store) => store.claimTask(this.#task, this.#options.processId, TASK_MS), TASK_MS));
        if (mine) round = await this.#once(MIN_AGE_MS, signal);
      } catch {
        // A store is away: its own calls tell so, and the log waits.
      }
      if (round.done === 0 || !round.full) await pause(round.done > 0 ? GATHER_MS : IDLE_MS, signal).catch(() => {});
    }
  }

  #once(minAgeMs: number, signal?: AbortSignal) {
    const { collections, refuse } = this.#options;
    const moved = () => {
      this.#movedAt = performance.now();
    };
    const options = { minAgeMs, refuse, refusals: this.#refusals, moved };
    const begin = () => drainBoth(this.#context, collections, options, signal);
    const round = this.#round.then(begin, begin);
    this.#round = round;
    return round;
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timer = setTimeout(done, ms);
    timer.unref();
    function done() {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }
    function aborted() {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    }
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
