/** Removes rows that are dead for longer than both stores remember. */
import type { Collection } from "../../collection.js";
import { RETENTION_MS } from "../../state.js";
import type { PostgresConnection } from "../connection.js";
import { statement, type TableLayout, tableLayout } from "../table-layout.js";
import { gateSql } from "./gate.js";

export interface Swept {
  /** Tombstones that the mirror confirmed and whose retention begins now. */
  readonly begun: number;
  /** Rows removed. */
  readonly removed: number;
}

/**
 * Works on at most `limit` rows of each kind; a `removed` below it means that nothing is left.
 *
 * A tombstone's expiry column says until when it is retained, which begins when a sweep finds it confirmed: without a repair-log
 * entry. An expired row is retained as long after its expiry. Nothing goes that an unfinished backfill could bring back: one that
 * began before the retention did. Nothing goes while the store is incomplete, when a missing row means "look in the other store",
 * nor while the log is known to lack entries.
 */
export async function sweep(connection: PostgresConnection, collection: Collection, limit: number): Promise<Swept> {
  const layout = tableLayout(collection);
  const begun =
    collection.kind === "records"
      ? await changed(connection, statement(layout, "retain", retainSql), collection, limit)
      : 0;
  const text = statement(layout, "sweep", () => sweepSql(layout, collection.kind));
  return { begun, removed: await changed(connection, text, collection, limit) };
}

async function changed(
  connection: PostgresConnection,
  text: string,
  collection: Collection,
  limit: number,
): Promise<number> {
  const [row] = await connection.run(text, [limit, collection.name]);
  return Number(row?.[0]);
}

const RETENTION = `interval '${RETENTION_MS / 1000} seconds'`;

function isLogged({ id }: TableLayout, t: string): string {
  return `EXISTS (SELECT FROM dual_write_log l WHERE l.collection = $2::text AND l.record_id = ${t}.${id.name}::text)`;
}

/** Where a full log left entries out, no entry says nothing. */
const LOG_IS_WHOLE =
  "NOT EXISTS (SELECT FROM dual_write_log_overflow o WHERE split_part(o.collection, ':', 1) = $2::text)";

function retainSql(layout: TableLayout): string {
  const { table, id, sync } = layout;
  const isUnretained = (t: string) => `${t}.${sync.syncOriginal} IS NULL AND ${t}.${sync.syncExpiresAt} IS NULL`;
  return `WITH found AS MATERIALIZED (
    SELECT t.${id.name} AS key FROM ${table} t WHERE ${isUnretained("t")} AND NOT ${isLogged(layout, "t")} AND ${LOG_IS_WHOLE}
    ORDER BY t.${id.name}::text COLLATE "C" LIMIT $1::int FOR UPDATE SKIP LOCKED
  ), retained AS (
    UPDATE ${table} t SET ${sync.syncExpiresAt} = clock_timestamp() + ${RETENTION}
    FROM found f WHERE t.${id.name} = f.key AND ${isUnretained("t")} RETURNING 1
  ) SELECT count(*) FROM retained`;
}

function sweepSql(layout: TableLayout, kind: Collection["kind"]): string {
  const { table, id, sync } = layout;
  const diedAt = (t: string) =>
    kind === "records"
      ? `CASE WHEN ${t}.${sync.syncOriginal} IS NULL THEN ${t}.${sync.syncExpiresAt} - ${RETENTION} ELSE ${t}.${sync.syncExpiresAt} END`
      : `${t}.${sync.syncExpiresAt}`;
  const isOver = (t: string) => `${t}.${sync.syncExpiresAt} < g.moment AND ${diedAt(t)} < g.moment - ${RETENTION}`;
  return `WITH ${gateSql("0::bigint", false, "$2::text")},
  found AS MATERIALIZED (
    SELECT t.${id.name} AS key FROM gate g, ${table} t
    WHERE g.whole AND ${isOver("t")} AND NOT ${isLogged(layout, "t")} AND ${LOG_IS_WHOLE} AND NOT EXISTS (
      SELECT FROM dual_write_backfill_runs r WHERE r.finished_at IS NULL AND r.started_at <= ${diedAt("t")})
    ORDER BY t.${id.name}::text COLLATE "C" LIMIT $1::int FOR UPDATE OF t SKIP LOCKED
  ), removed AS (
    DELETE FROM ${table} t USING gate g, found f WHERE t.${id.name} = f.key AND ${isOver("t")} RETURNING 1
  ) SELECT count(*) FROM removed`;
}
