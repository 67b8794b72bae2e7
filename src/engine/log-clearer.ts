/** Clears repair-log entries that the mirror confirmed, gathered so that a write doesn't pay a round trip for it. */
import type { Collection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { LogEntry } from "../stores/store.js";

/** What is cleared late costs a repetition, what is never cleared is found by the drainer: failures need no handling. */
export class LogClearer {
  readonly #pending = new Map<Guard, Map<Collection, Map<string, LogEntry>>>();
  #flushing: Promise<void> | null = null;

  add(guard: Guard, collection: Collection, entries: readonly LogEntry[]): void {
    const collections = this.#pending.get(guard) ?? new Map<Collection, Map<string, LogEntry>>();
    const latest = collections.get(collection) ?? new Map<string, LogEntry>();
    this.#pending.set(guard, collections.set(collection, latest));
    for (const entry of entries) {
      const before = latest.get(entry.id);
      if (!before || before.stamp < entry.stamp) latest.set(entry.id, entry);
    }
    this.#flushing ??= this.#flush();
  }

  /** Resolves when everything added so far was tried. */
  async settled(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batches = [...this.#pending].flatMap(([guard, collections]) =>
        [...collections].map(([collection, latest]) => ({ guard, collection, entries: [...latest.values()] })),
      );
      this.#pending.clear();
      await Promise.allSettled(
        batches.map(({ guard, collection, entries }) =>
          guard.attempt((store) => store.clearLog(collection, entries), 1000),
        ),
      );
    }
    this.#flushing = null;
  }
}
