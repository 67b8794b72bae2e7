/** What a small call of anybody else takes at a store while a run is on: asked all the while, on a connection beside the run's. */
import { StoreTimeoutError } from "../../stores/transient-errors.js";
import { within } from "../../stores/within.js";

export interface Asked {
  /** The server's clock. Milliseconds since the epoch. */
  now(): Promise<number>;
}

export interface Answer {
  /** When it was asked for; a process's monotonic clock. */
  readonly at: number;
  /** What anybody else's call would have taken at that moment. Milliseconds. */
  readonly ms: number;
  /** More than thrice what it takes when the run is idle, and more than anybody would bear. */
  readonly isLate: boolean;
}

/** How often a store is asked, about, once it has answered. Milliseconds. */
export const ASK_EVERY_MS = 20;
/** What takes longer counts as this. Milliseconds. */
const SILENT_MS = 1000;
/** The first answers are of the connecting. */
const CONNECTING = 5;
/** Answers that tell of a store at rest. */
const AT_REST = 50;
/** Of those answers, not the slowest, which may be anybody's accident. */
const QUANTILE = 0.95;
const TIMES_AT_REST = 3;
/** Nobody complains of less. Milliseconds. */
const BEARABLE_MS = 5;
/** A store that is away tells nothing of itself at rest. Milliseconds. */
const WAIT_FOR_REST_MS = 5000;

export class Foreground {
  readonly #store: Asked;
  readonly #told: (answer: Answer) => void;
  /** Null: the store at rest isn't known yet. */
  #limitMs: number | null = null;
  readonly #atRest: number[] = [];
  #begin = () => {};
  #next: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #isOver = false;
  readonly #ahead = new Least();
  readonly #roundTrip = new Least();

  constructor(store: Asked, told: (answer: Answer) => void) {
    this.#store = store;
    this.#told = told;
  }

  /** Resolves when the store at rest is known, or doesn't answer. */
  start(): Promise<void> {
    this.#patience = setTimeout(() => this.#endRest(), WAIT_FOR_REST_MS);
    this.#askSoon();
    return new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#next);
    clearTimeout(this.#patience);
  }

  /** At random, so that it isn't always at the same point of a page. */
  #askSoon(): void {
    if (this.#isOver) return;
    this.#next = setTimeout(() => void this.#ask(), ASK_EVERY_MS * (0.5 + Math.random()));
  }

  async #ask(): Promise<void> {
    const at = performance.now();
    try {
      const clock = await within(SILENT_MS, this.#store.now(), () => new StoreTimeoutError("silent"));
      this.#answered(at, this.#taken(clock - at, performance.now() - at));
    } catch (error) {
      // Of a store that is away the run itself tells.
      if (error instanceof StoreTimeoutError) this.#answered(at, SILENT_MS);
    }
    this.#askSoon();
  }

  /**
   * This process is busy too and may hear an answer late. So it counts when the server answered, by its own clock: how much later
   * than the promptest answer of the last seconds.
   */
  #taken(ahead: number, roundTripMs: number): number {
    const delay = ahead - this.#ahead.of(ahead);
    return Math.min(roundTripMs, this.#roundTrip.of(roundTripMs) + delay);
  }

  #answered(at: number, ms: number): void {
    if (this.#limitMs !== null) {
      this.#told({ at, ms, isLate: ms > this.#limitMs });
      return;
    }
    this.#atRest.push(ms);
    if (this.#atRest.length === CONNECTING + AT_REST) this.#endRest();
  }

  #endRest(): void {
    if (this.#limitMs !== null) return;
    const times = this.#atRest.slice(CONNECTING).sort((a, b) => a - b);
    this.#limitMs = Math.max(TIMES_AT_REST * (times[Math.floor(times.length * QUANTILE)] ?? 0), BEARABLE_MS);
    this.#begin();
  }
}

/** The least of the last ten to twenty seconds: two clocks drift apart, and a network changes. */
class Least {
  #before = Number.POSITIVE_INFINITY;
  #present = Number.POSITIVE_INFINITY;
  #since = performance.now();

  of(value: number): number {
    if (performance.now() - this.#since > 10_000) {
      this.#before = this.#present;
      this.#present = Number.POSITIVE_INFINITY;
      this.#since = performance.now();
    }
    this.#present = Math.min(this.#present, value);
    return Math.min(this.#before, this.#present);
  }
}
