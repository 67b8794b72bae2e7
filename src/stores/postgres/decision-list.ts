/** Reads back what was decided: flips, handovers, forced passages, giving Redis up and taking it back. */
import type { Sql } from "postgres";
import type { Decision } from "../evidence.js";

export interface RecordedDecision extends Decision {
  readonly at: Date;
}

/** The newest first. */
export async function readDecisions(sql: Sql, limit = 1000): Promise<RecordedDecision[]> {
  const rows = await sql<Record<string, unknown>[]>`
    SELECT what, strategy, coalesce(reason, '') AS reason, forced, process, extract(epoch FROM at)::float8 * 1000 AS at
    FROM dual_write_decisions ORDER BY id DESC LIMIT ${limit}`;
  return rows.map(({ at, ...decision }) => ({ ...(decision as unknown as Decision), at: new Date(Number(at)) }));
}
