/** How long a backfill will take. */

/** What a backfill of this version reached. See docs/audit.md for how to measure one's own. */
export const BACKFILL_RATE = {
  keysPerSecond: 10_000,
  source:
    "measured with this version: small values, one process, Redis 7 and Postgres 18 with fsync on one machine with two cores",
} as const;

export interface BackfillTime {
  /** What a backfill would look at and copy. */
  readonly keys: number;
  readonly keysPerSecond: number;
  /** Where that rate comes from. */
  readonly source: string;
  /** Milliseconds. */
  readonly expectedMs: number;
}

export function backfillTime(
  keys: number,
  rate: { readonly keysPerSecond: number; readonly source: string },
): BackfillTime {
  return { keys, ...rate, expectedMs: Math.round((keys / rate.keysPerSecond) * 1000) };
}
