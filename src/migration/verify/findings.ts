/** What a verify found, counted by collection and kind, with some examples. */
import { hashKey } from "../../engine/events.js";

export const KINDS = [
  "missing", // the mirror lacks what the authority has
  "extra", // the mirror has what the authority lacks
  "value", // both have it, with other contents
  "expiry", // both have it, and it ends at another moment
  "type", // something of another Redis type stands under the key
  "undecodable", // the value isn't what its collection allows, and wasn't set aside
  "unmerged", // what stands under another spelling of an email was never brought into its record
] as const;

export type FindingKind = (typeof KINDS)[number];

export interface Example {
  readonly collection: string;
  readonly kind: FindingKind;
  /** A hash of the collection and the id, or the legacy key if keys were asked for. */
  readonly key: string;
  readonly redisStamp: number | null;
  readonly postgresStamp: number | null;
}

export interface CollectionFindings {
  readonly compared: number;
  readonly differences: Readonly<Partial<Record<FindingKind, number>>>;
  /** Differences that were there at the first look and gone, moved, or explained by a repair log at the second. */
  readonly passing: number;
  /** What was refused for good and is on the rejects list as it stands; no differences. */
  readonly setAside: number;
  /** Why, each reason with how often; at most {@link REASONS} of them. */
  readonly setAsideReasons: Readonly<Record<string, number>>;
  /** Of the differences. */
  readonly repaired: number;
  readonly clean: boolean;
}

interface Counted {
  compared: number;
  differences: Partial<Record<FindingKind, number>>;
  passing: number;
  setAside: number;
  readonly setAsideReasons: Record<string, number>;
  repaired: number;
  conclusive: boolean;
}

export interface Finding {
  readonly kind: FindingKind;
  readonly collection: string;
  readonly id: string;
  readonly key: string;
  readonly redisStamp: number | null;
  readonly postgresStamp: number | null;
  /** The key can't be one of its collection; `id` is the key itself. */
  readonly isOdd?: true;
}

/** One that differs, and why it may. */
export interface SetAside {
  readonly collection: string;
  readonly reason: string;
}

/** Distinct reasons that are told of a collection. */
const REASONS = 20;

export class Findings {
  readonly examples: Example[] = [];
  readonly #collections = new Map<string, Counted>();
  readonly #options: { readonly showKeys: boolean; readonly examples: number };

  constructor(names: readonly string[], options: { readonly showKeys: boolean; readonly examples: number }) {
    this.#options = options;
    for (const name of names) {
      this.#collections.set(name, {
        compared: 0,
        differences: {},
        passing: 0,
        setAside: 0,
        setAsideReasons: {},
        repaired: 0,
        conclusive: true,
      });
    }
  }

  compared(collection: string, count: number): void {
    this.#of(collection).compared += count;
  }

  passing(collection: string, count: number): void {
    this.#of(collection).passing += count;
  }

  setAside({ collection, reason }: SetAside): void {
    const counted = this.#of(collection);
    counted.setAside++;
    const known = counted.setAsideReasons;
    if (reason in known || Object.keys(known).length < REASONS) known[reason] = (known[reason] ?? 0) + 1;
  }

  repaired(collection: string, count: number): void {
    this.#of(collection).repaired += count;
  }

  /** Whether there are differences can't be said of this collection. */
  inconclusive(collection: string): void {
    this.#of(collection).conclusive = false;
  }

  add({ kind, collection, id, key, redisStamp, postgresStamp }: Finding): void {
    const { differences } = this.#of(collection);
    differences[kind] = (differences[kind] ?? 0) + 1;
    if (this.examples.length >= this.#options.examples) return;
    const shown = this.#options.showKeys ? key : hashKey(collection, id);
    this.examples.push({ collection, kind, key: shown, redisStamp, postgresStamp });
  }

  /** By collection. */
  report(): Record<string, CollectionFindings> {
    return Object.fromEntries(
      [...this.#collections].map(([name, { conclusive, ...counted }]) => {
        return [name, { ...counted, clean: conclusive && Object.keys(counted.differences).length === 0 }];
      }),
    );
  }

  #of(collection: string): Counted {
    const counted = this.#collections.get(collection);
    if (!counted) throw new Error(`${collection} isn't verified.`);
    return counted;
  }
}
