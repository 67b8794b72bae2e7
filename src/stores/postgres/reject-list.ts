/** The list of what was set aside as people look through it. */
import type { Sql } from "postgres";

/** A row of the list, without the bytes. */
export interface RejectEntry {
  readonly row: number;
  readonly collection: string;
  readonly key: string;
  readonly reason: string;
  /** `backfill`, `drain`, `verify`; `repair`: what a repair replaced, kept for people only. */
  readonly source: string;
  readonly firstSeen: Date;
  readonly attempts: number;
  /** Of the state that was refused; 0: it was never stamped, or isn't known. */
  readonly stamp: number;
  /** Of the value; null: nothing readable stood. */
  readonly bytes: number | null;
}

export interface RejectValue extends RejectEntry {
  readonly value: Buffer | null;
}

/** Which rows; what isn't given doesn't matter. */
export interface RejectFilter {
  readonly collection?: string | undefined;
  readonly rows?: readonly number[] | undefined;
}

/** The rows after the one named, oldest first. */
export async function pageRejects(
  sql: Sql,
  { collection, rows }: RejectFilter,
  after: number,
  limit: number,
): Promise<RejectValue[]> {
  const found = await sql<Record<string, unknown>[]>`
    SELECT id::float8 AS row, collection, key, reason, source, extract(epoch FROM first_seen)::float8 * 1000 AS seen, attempts, stamp::float8 AS stamp, value
    FROM dual_write_rejects WHERE id > ${after}
      AND (${collection ?? null}::text IS NULL OR collection = ${collection ?? null}::text)
      AND (${rows ? JSON.stringify(rows) : null}::text IS NULL
        OR id IN (SELECT r::bigint FROM jsonb_array_elements_text(${JSON.stringify(rows ?? [])}::text::jsonb) r))
    ORDER BY id LIMIT ${limit}`;
  return found.map((one) => {
    const value = one.value as Buffer | null;
    return {
      row: Number(one.row),
      collection: String(one.collection),
      key: String(one.key),
      reason: String(one.reason),
      source: String(one.source),
      firstSeen: new Date(Number(one.seen)),
      attempts: Number(one.attempts),
      stamp: Number(one.stamp),
      bytes: value?.length ?? null,
      value,
    };
  });
}

/** Takes rows off the list; what they told of stays in the stores as it is. Returns how many there were. */
export async function dropRejects(sql: Sql, rows: readonly number[]): Promise<number> {
  const gone = await sql`
    DELETE FROM dual_write_rejects WHERE id IN (SELECT r::bigint FROM jsonb_array_elements_text(${JSON.stringify(rows)}::text::jsonb) r)`;
  return gone.count;
}
