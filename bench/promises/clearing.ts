/** Takes confirmed entries off a repair log, gathered as the library does it: what came while a batch was in flight goes in the next. */

export interface Entry {
  readonly id: string;
  readonly stamp: number;
}

export class Clearing {
  readonly #clear: (entries: readonly Entry[]) => Promise<unknown>;
  #pending = new Map<string, Entry>();
  #flushing: Promise<void> | null = null;

  constructor(clear: (entries: readonly Entry[]) => Promise<unknown>) {
    this.#clear = clear;
  }

  add(entry: Entry): void {
    const present = this.#pending.get(entry.id);
    if (!present || entry.stamp > present.stamp) this.#pending.set(entry.id, entry);
    this.#flushing ??= this.#flush();
  }

  async settled(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.#pending.size > 0) {
        const entries = [...this.#pending.values()];
        this.#pending = new Map();
        await this.#clear(entries);
      }
    } finally {
      this.#flushing = null;
    }
  }
}
