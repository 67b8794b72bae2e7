/** Counts keys by the time that is left to them. */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Each up to its bound, included. Milliseconds. */
const BOUNDS = [
  ["1 hour", HOUR],
  ["1 day", DAY],
  ["7 days", 7 * DAY],
  ["30 days", 30 * DAY],
  ["90 days", 90 * DAY],
  ["1 year", 365 * DAY],
  ["2 years", 730 * DAY],
  ["longer", Number.POSITIVE_INFINITY],
] as const;

export type TtlBucket = (typeof BOUNDS)[number][0] | "no expiry";
export const TTL_BUCKETS: readonly TtlBucket[] = [...BOUNDS.map(([name]) => name), "no expiry"];

export class TtlBuckets {
  readonly #counts = Object.fromEntries(TTL_BUCKETS.map((name) => [name, 0])) as Record<TtlBucket, number>;

  /** `ttlMs` null: the key has no expiry. */
  add(ttlMs: number | null): void {
    const bucket = ttlMs === null ? "no expiry" : (BOUNDS.find(([, most]) => ttlMs <= most)?.[0] ?? "longer");
    this.#counts[bucket]++;
  }

  get counts(): Readonly<Record<TtlBucket, number>> {
    return { ...this.#counts };
  }
}
