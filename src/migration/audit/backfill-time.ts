/** How long a backfill will take. */

/** What an audit did itself, its rests left out. */
export interface AuditPace {
  readonly keys: number;
  readonly ms: number;
}

/** Fewer tell of the beginning and not of the pace. */
const TELLING = 20_000;

/** For a keyspace too small to tell anything. */
const ASSUMED = {
  keysPerSecond: 10_000,
  source: "assumed: too few keys were seen to tell; a backfill shows its own rate on the way",
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

/**
 * By the rate given (null: none is); otherwise by the audit's own, since both ask this Redis about each key from this machine and do about
 * as much with the answer: of a million small values an audit took 38 µs of its processor a key, and a backfill 29. What Postgres
 * takes for its part isn't in it.
 */
export function backfillTime(keys: number, given: number | null, pace: AuditPace): BackfillTime {
  const { keysPerSecond, source } = given === null ? rateBy(pace) : { keysPerSecond: given, source: "as given" };
  return { keys, keysPerSecond, source, expectedMs: Math.round((keys / keysPerSecond) * 1000) };
}

function rateBy({ keys, ms }: AuditPace): Pick<BackfillTime, "keysPerSecond" | "source"> {
  if (keys < TELLING || ms <= 0) return ASSUMED;
  return {
    keysPerSecond: Math.max(1, Math.round((keys / ms) * 1000)),
    source: "measured: the pace of this audit without its rests; a backfill does about as much, if Postgres keeps up",
  };
}
