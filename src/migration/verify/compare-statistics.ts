/** Compares the usage statistics, which a backfill copies and nobody mirrors. */
import { readStatistics } from "../backfill/copy-statistics.js";
import type { BothStores } from "../migration-context.js";

export interface StatisticsFindings {
  readonly fields: number;
  readonly differing: number;
}

/** Null: there are none. A repair copies those that differ. */
export async function compareStatistics(context: BothStores, repair: boolean): Promise<StatisticsFindings | null> {
  const statistics = await readStatistics(context);
  if (statistics === null || typeof statistics === "string") return null;
  const held = new Map(
    (await context.evidence.readTimeseries()).map(({ metric, bucket, value }) => [
      JSON.stringify([metric, bucket]),
      value,
    ]),
  );
  const differing = statistics.rows.filter(
    ({ metric, bucket, value }) => held.get(JSON.stringify([metric, bucket])) !== value,
  ).length;
  if (repair && differing > 0) await context.evidence.putTimeseries(statistics.rows, statistics.readAt);
  return { fields: statistics.rows.length, differing };
}
