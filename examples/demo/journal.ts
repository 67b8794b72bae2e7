/** What clients were promised: each write before it is sent and with what was answered, key by key, in memory. */

/** Names a record as the store does; `lane` one client's own field of a record that several of them update. */
export interface RecordKey {
  readonly collection: string;
  readonly id: string;
  readonly lane?: string;
}

export type WriteOutcome =
  | "pending"
  | "acknowledged"
  /** Certainly not applied. */
  | "refused"
  /** May or may not have been applied. */
  | "unknown";

export interface JournalledWrite {
  readonly kind: "put" | "delete";
  /** A number that no other write has; it stands in the written value. 0: as the legacy keyspace had it. */
  readonly mark: number;
  /** Milliseconds since the epoch; null: not while the demo runs. */
  readonly expiresAt: number | null;
  readonly outcome: WriteOutcome;
  /** The journal's tick at which the outcome came. */
  readonly settledAt: number;
}

/** Where a record or a counter comes from; `bypass`: a program that writes past the library writes it, too. */
export type Origin = "legacy" | "traffic" | "bypass";

export interface RecordEntry {
  readonly key: RecordKey;
  readonly origin: Origin;
  /** Of the bytes that the legacy keyspace has; null where a client wrote first. */
  readonly digest: string | null;
  /** In the order of their intention: a key has one writer, which waits for each answer. */
  readonly writes: readonly JournalledWrite[];
}

export interface CounterEntry {
  readonly id: string;
  readonly origin: Origin;
  /** What acknowledged writes, and the legacy keyspace, add up to: the counter is never below. */
  readonly acknowledged: number;
  /** The same with all that may have been applied: the counter is never above. */
  readonly possible: number;
}

/** Tells the journal what became of an intended write. */
export interface Intent {
  readonly mark: number;
  settle(outcome: Exclude<WriteOutcome, "pending">): void;
}

/** Above every number that legacy values have in the field that holds the mark. */
export const FIRST_MARK = 1_000_000;

type Changeable<T> = { -readonly [K in keyof T]: T[K] };
type OwnRecordEntry = Changeable<RecordEntry> & { writes: Changeable<JournalledWrite>[] };

export class Journal {
  readonly #records = new Map<string, OwnRecordEntry>();
  readonly #counters = new Map<string, Changeable<CounterEntry>>();
  #tick = 0;
  #mark = FIRST_MARK;

  /** The present moment, in the order in which the journal heard of things. */
  get tick(): number {
    return this.#tick;
  }

  /** A mark for writes that don't go through `intend`: those that another process intends. */
  nextMark(): number {
    return ++this.#mark;
  }

  /** A record that stands before the first client comes. */
  seed(
    key: RecordKey,
    legacy: { readonly digest: string; readonly expiresAt: number | null; readonly origin?: Origin },
  ): void {
    const entry = this.#entryOf(key, legacy.origin ?? "legacy");
    entry.digest = legacy.digest;
    entry.writes.push({
      kind: "put",
      mark: 0,
      expiresAt: legacy.expiresAt,
      outcome: "acknowledged",
      settledAt: this.#tick,
    });
  }

  seedCounter(id: string, sum: number): void {
    this.#counters.set(id, { id, origin: "legacy", acknowledged: sum, possible: sum });
  }

  /** One write of all these records together, about to be sent. */
  intend(
    keys: readonly RecordKey[],
    kind: "put" | "delete",
    options: { readonly expiresAt?: number | null; readonly mark?: number; readonly origin?: Origin } = {},
  ): Intent {
    const mark = options.mark ?? this.nextMark();
    const writes = keys.map((key) => {
      const write: Changeable<JournalledWrite> = {
        kind,
        mark,
        expiresAt: kind === "put" ? (options.expiresAt ?? null) : null,
        outcome: "pending",
        settledAt: Number.POSITIVE_INFINITY,
      };
      this.#entryOf(key, options.origin ?? "traffic").writes.push(write);
      return write;
    });
    this.#tick++;
    return {
      mark,
      settle: (outcome) => {
        this.#tick++;
        for (const write of writes) {
          write.outcome = outcome;
          write.settledAt = this.#tick;
        }
      },
    };
  }

  /** One addition to all these counters together, about to be sent. */
  intendToCount(ids: readonly string[], by: number, origin: Origin = "traffic"): Pick<Intent, "settle"> {
    const entries = ids.map((id) => {
      const entry = this.#counters.get(id) ?? { id, origin, acknowledged: 0, possible: 0 };
      if (origin === "bypass") entry.origin = origin;
      this.#counters.set(id, entry);
      entry.possible += by;
      return entry;
    });
    return {
      settle: (outcome) => {
        for (const entry of entries) {
          if (outcome === "acknowledged") entry.acknowledged += by;
          if (outcome === "refused") entry.possible -= by;
        }
      },
    };
  }

  record(key: RecordKey): RecordEntry | undefined {
    return this.#records.get(nameOf(key));
  }

  counter(id: string): CounterEntry | undefined {
    return this.#counters.get(id);
  }

  records(): IterableIterator<RecordEntry> {
    return this.#records.values();
  }

  counters(): IterableIterator<CounterEntry> {
    return this.#counters.values();
  }

  /** Acknowledged writes of records, those made past the library included. */
  get acknowledgedWrites(): number {
    let count = 0;
    for (const { writes } of this.#records.values()) {
      for (const write of writes) if (write.outcome === "acknowledged" && write.mark > 0) count++;
    }
    return count;
  }

  #entryOf(key: RecordKey, origin: Origin): OwnRecordEntry {
    const name = nameOf(key);
    let entry = this.#records.get(name);
    if (!entry) {
      entry = { key, origin, digest: null, writes: [] };
      this.#records.set(name, entry);
    }
    return entry;
  }
}

export function nameOf({ collection, id, lane }: RecordKey): string {
  return lane === undefined ? `${collection} ${id}` : `${collection} ${id} #${lane}`;
}
