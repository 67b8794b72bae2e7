/** Copies the legacy hash `usage:stats`, a row for each field. Nobody mirrors it: each backfill brings it up to date. */
import { parseStatsField, usageStatsKey } from "../../collections/usage-stats.js";
import type { TimeseriesRow } from "../../stores/postgres/control-records.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";

export interface Statistics {
  readonly key: string;
  readonly rows: readonly TimeseriesRow[];
  /** Fields that aren't whole numbers, or that Postgres can't store. */
  readonly odd: readonly { readonly field: string; readonly value: string; readonly reason: string }[];
  /** When they stood so, by Redis's clock; milliseconds since the epoch. */
  readonly readAt: number;
}

const INT64 = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n };

/** Null: there is no such key. A string: what is wrong with it. */
export async function readStatistics(context: BothStores): Promise<Statistics | string | null> {
  const key = usageStatsKey(context.prefix);
  return context.redis.attempt(async ({ connection: { client } }) => {
    const type = await client.type(key);
    if (type === "none") return null;
    if (type !== "hash") return `the key holds a ${type}, a hash is expected`;
    // Together, so that of two runs at once the one that read later wins.
    const replies = await client.multi().time().hgetall(key).exec();
    const [[, time], [, fields]] = replies as [[unknown, [string, string]], [unknown, Record<string, string>]];
    const rows: TimeseriesRow[] = [];
    const odd: { field: string; value: string; reason: string }[] = [];
    for (const [field, value] of Object.entries(fields)) {
      const reason = issueOf(field, value);
      if (reason) odd.push({ field, value, reason });
      else rows.push({ ...parseStatsField(field), value: BigInt(value).toString(), original: value });
    }
    return { key, rows, odd, readAt: Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000) };
  }, PAGE_MS);
}

function issueOf(field: string, value: string): string | null {
  if (/[\0\p{Surrogate}]/u.test(field)) return "the field's name can't be stored in Postgres";
  if (!/^-?\d{1,19}$/.test(value)) return "the field isn't a whole number";
  const number = BigInt(value);
  return number >= INT64.least && number <= INT64.greatest ? null : "the field isn't a number of 64 bits";
}
