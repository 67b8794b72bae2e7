/** When traffic met differences between the stores. */
import type { Sql } from "postgres";

export interface DivergenceHour {
  /** The beginning of the hour. */
  readonly hour: Date;
  readonly collection: string;
  readonly kind: string;
  /** Distinct keys. */
  readonly count: number;
}

/** Of the last so many hours, the newest first. */
export async function readDivergenceHours(sql: Sql, hours: number): Promise<DivergenceHour[]> {
  const rows = await sql<{ hour: number; collection: string; kind: string; count: number }[]>`
    SELECT extract(epoch FROM date_trunc('hour', at))::float8 * 1000 AS hour, collection, kind,
      count(DISTINCT key_hash)::float8 AS count
    FROM dual_write_divergence WHERE at > now() - make_interval(hours => ${hours}::int)
    GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3`;
  return rows.map((row) => ({ ...row, hour: new Date(Number(row.hour)) }));
}
