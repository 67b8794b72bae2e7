/** How long a backfill will take. */

/**
 * 199,000 small values took a backfill of this version 10.5 s of its own processor's time (Node 20, Redis 7, Postgres 18): 19,000 a
 * second where it has a core for itself and neither store holds it up. Half of that is assumed.
 */
export const BACKFILL_RATE = {
  keysPerSecond: 10_000,
  source: "assumed: half of what one core gets through with small values; a backfill shows its own rate on the way",
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
