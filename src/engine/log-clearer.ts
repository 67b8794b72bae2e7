/** Clears repair-log entries that the mirror confirmed, gathered so that a write doesn't pay a round trip for it. */
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { LogEntry } from "../stores/store.js";

/** How long an entry may wait for others: well below the age from which the drainer looks at it. Milliseconds. */
const PAUSE_MS = 20;
/** So many don't wait. */
const MANY = 500;
/** How long clearing may take. Milliseconds. */
const TIMEOUT_MS = 1000;

/** What is cleared late costs a repetition, what is never cleared is found by the drainer: failures need no handling. */
export class LogClearer {
  readonly #pending = new Map<Guard, Map<Collection, Map<string, LogEntry>>>();
  #size = 0;
  #pause: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | null = null;

  add(guard: Guard, collection: Collection, entries: readonly LogEntry[]): void {
    const collections = this.#pending.get(guard) ?? new Map<Collection, Map<string, LogEntry>>();
    const latest = collections.get(collection) ?? new Map<string, LogEntry>();
    this.#pending.set(guard, collections.set(collection, latest));
    for (const entry of entries) {
      const before = latest.get(entry.id);
      if (!before || before.stamp < entry.stamp) latest.set(entry.id, entry);
    }
    this.#size += entries.length;
    if (this.#size >= MANY) this.#flush();
    else this.#flushLater();
  }

  /** Resolves when everything added so far was tried. */
  async settled(): Promise<void> {
    while (this.#flushing || this.#pending.size > 0) {
      this.#flush();
      await this.#flushing;
    }
  }

  /** One at a time: what comes meanwhile goes with the next. */
  #flush(): void {
    if (this.#flushing || this.#pending.size === 0) return;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    const batches = [...this.#pending].flatMap(([guard, collections]) =>
      [...collections].map(([collection, latest]) => ({ guard, collection, entries: [...latest.values()] })),
    );
    this.#pending.clear();
    this.#size = 0;
    const cleared = batches.map(({ guard, collection, entries }) =>
      guard.attempt((store) => store.clearLog(collection, entries), TIMEOUT_MS),
    );
    this.#flushing = Promise.allSettled(cleared).then(() => {
      this.#flushing = null;
      if (this.#size >= MANY) this.#flush();
      else if (this.#size > 0) this.#flushLater();
    });
  }

  #flushLater(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#flush();
    }, PAUSE_MS).unref();
  }
}
