/** Counts what became of each distinct key: every one ends in exactly one count. */

/** What may become of a key. */
export const OUTCOMES = [
  "copied", // Postgres has it now
  "unchanged", // Postgres had it already
  "merged", // it was brought into the record or counter of another spelling
  "newer", // Postgres has something newer
  "expired", // it expired or was deleted since it was listed
  "ignored", // no collection of the plan knows it
  "valid", // it is what its collection allows; nothing was compared or copied, for that was all that was asked
  "setAside", // it isn't what its collection allows; the rejects list has it with its reason
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** `seen` is the sum of the others. */
export type Counts = { readonly seen: number } & Readonly<Record<Outcome, number>>;

type Mutable = { -readonly [K in keyof Counts]: number };

/** What a run keeps of its counts from page to page. */
export interface TallyRecord {
  readonly scanned: number;
  readonly counts: Counts;
  readonly collections: Readonly<Record<string, Counts>>;
  readonly ignored: Readonly<Record<string, number>>;
  readonly deletes: number;
}

export class Tally {
  /** Keys that SCAN gave, with repetitions and the library's own. */
  scanned: number;
  /** Deletes that the repair log had lost, told to Postgres. */
  deletes: number;
  readonly #counts: Mutable;
  readonly #collections: Map<string, Mutable>;
  readonly #ignored: Map<string, number>;

  constructor(from?: TallyRecord) {
    this.scanned = from?.scanned ?? 0;
    this.deletes = from?.deletes ?? 0;
    this.#counts = { ...none(), ...from?.counts };
    this.#collections = new Map(
      Object.entries(from?.collections ?? {}).map(([name, counts]) => [name, { ...none(), ...counts }]),
    );
    this.#ignored = new Map(Object.entries(from?.ignored ?? {}));
  }

  /** A distinct key was listed. Counted on its own, so that a key whose end is forgotten shows. */
  see(): void {
    this.#counts.seen++;
  }

  /** `of`: the collection, or for an ignored key the pattern of its name. */
  end(outcome: Outcome, of: string): void {
    this.#counts[outcome]++;
    if (outcome === "ignored") {
      this.#ignored.set(of, (this.#ignored.get(of) ?? 0) + 1);
      return;
    }
    const counts = this.#collections.get(of) ?? none();
    this.#collections.set(of, counts);
    counts.seen++;
    counts[outcome]++;
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** Whether every key that was seen ended in a count. */
  get addsUp(): boolean {
    return OUTCOMES.reduce((sum, outcome) => sum + this.#counts[outcome], 0) === this.#counts.seen;
  }

  get patterns(): Iterable<string> {
    return this.#ignored.keys();
  }

  toJSON(): TallyRecord {
    return {
      scanned: this.scanned,
      deletes: this.deletes,
      counts: this.counts,
      collections: Object.fromEntries([...this.#collections].map(([name, counts]) => [name, { ...counts }])),
      ignored: Object.fromEntries(this.#ignored),
    };
  }
}

function none(): Mutable {
  return { seen: 0, copied: 0, unchanged: 0, merged: 0, newer: 0, expired: 0, ignored: 0, valid: 0, setAside: 0 };
}
