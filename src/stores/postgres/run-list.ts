/** Reads back which backfills and verifies there were. */
import type { Sql } from "postgres";
import type { BackfillPlan, BackfillState } from "./control-records.js";

export interface ListedBackfill {
  readonly id: string;
  readonly direction: string;
  readonly state: BackfillState;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly collections: readonly string[];
  /** As its tally kept it; null: it never came so far. */
  readonly counts: Readonly<Record<string, unknown>> | null;
}

export interface ListedVerify {
  readonly collection: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly compared: number;
  readonly differences: Readonly<Record<string, number>>;
  readonly clean: boolean;
}

/** The newest first. */
export async function readBackfillList(sql: Sql, limit: number): Promise<ListedBackfill[]> {
  const rows = await sql<Record<string, unknown>[]>`
    SELECT id::text AS id, direction, state, plan::text AS plan, counts::text AS counts,
      extract(epoch FROM started_at)::float8 * 1000 AS started, extract(epoch FROM finished_at)::float8 * 1000 AS finished
    FROM dual_write_backfill_runs ORDER BY started_at DESC, id LIMIT ${limit}`;
  return rows.map((row) => ({
    id: String(row.id),
    direction: String(row.direction),
    state: row.state as BackfillState,
    ...span(row),
    collections: (JSON.parse(String(row.plan)) as BackfillPlan | null)?.collections ?? [],
    counts: JSON.parse(String(row.counts)) as ListedBackfill["counts"],
  }));
}

/** The newest first. */
export async function readVerifyList(sql: Sql, limit: number): Promise<ListedVerify[]> {
  const rows = await sql<Record<string, unknown>[]>`
    SELECT collection, compared::float8 AS compared, differences::text AS differences, coalesce(clean, false) AS clean,
      extract(epoch FROM started_at)::float8 * 1000 AS started, extract(epoch FROM finished_at)::float8 * 1000 AS finished
    FROM dual_write_verify_runs ORDER BY started_at DESC, id DESC LIMIT ${limit}`;
  return rows.map((row) => ({
    collection: String(row.collection),
    ...span(row),
    compared: Number(row.compared),
    differences: (JSON.parse(String(row.differences)) as Record<string, number> | null) ?? {},
    clean: row.clean === true,
  }));
}

function span({ started, finished }: Record<string, unknown>): { startedAt: Date; finishedAt: Date | null } {
  return { startedAt: new Date(Number(started)), finishedAt: finished === null ? null : new Date(Number(finished)) };
}
