/** The parts that the writing statements have in common: passing the fence, and leaving a repair-log entry. */
import type { Fence } from "../../store.js";
import { orderedById, type RowCount } from "./input-rows.js";

/**
 * One row: whether this statement may write, the fence, and the moment of the operation. Must be what the rest of the statement
 * waits for: rows are then locked only after the fence is. `base` is the least stamp to give; `whole`: complete for the
 * collection. Everything that asks whether something expired asks for this moment, else two answers could differ.
 */
export function gateSql(term: string, asAuthority: boolean, collection: string): string {
  return `gate AS MATERIALIZED (
    SELECT a.*, a.micros | 1 AS base, to_timestamp(a.micros::double precision / 1000000) AS moment, ${wholeSql("a", collection)} AS whole
    FROM dual_write_admit(${term}, ${asAuthority}) a
  )`;
}

/** Whether a fence row is complete for a collection. */
export function wholeSql(fence: string, collection: string): string {
  return `(${fence}.complete_all AND ${collection} <> ALL (${fence}.incomplete) OR ${collection} = ANY (${fence}.complete))`;
}

/** The first columns of each statement that answers with the fence. */
export const GATE_COLUMNS = "g.admitted, g.term, g.role, g.whole, g.redis_given_up";

/**
 * What a mirror's statement answers: one row of the gate's columns and, as {@link LEFT_ALONE}, the places of the `input` rows that
 * aren't among the `written`, null for none.
 */
export function mirrorAnswerSql(idType: string, count: RowCount): string {
  const leftAlone = `(SELECT json_agg(i.n) FROM input i WHERE NOT EXISTS (SELECT FROM written w WHERE w.key = i.id::${idType}))`;
  const places = {
    1: "CASE WHEN NOT EXISTS (SELECT FROM written) THEN '[1]'::json END",
    2: leftAlone,
    // Of many, nearly always all were written, which counting tells at less cost than looking each up.
    many: `CASE WHEN (SELECT count(*) FROM written) < (SELECT count(*) FROM input) THEN ${leftAlone} END`,
  };
  return `SELECT ${GATE_COLUMNS}, ${places[count]} FROM gate g`;
}

/** Their number without `admitted`. */
export const FENCE_COLUMNS = 4;

/** The fence in a row, from its column `at` on; null where there was none. */
export function fenceOf(row: readonly unknown[], at: number): Fence | null {
  const [term, role, complete, redisGivenUp] = row.slice(at, at + FENCE_COLUMNS);
  if (term === null) return null;
  return {
    term: Number(term),
    role: role as Fence["role"],
    complete: complete as boolean,
    redisGivenUp: redisGivenUp as boolean,
  };
}

/**
 * CTEs that log each row (`id`, `stamp`) of `source`: an entry holds the greatest stamp. Where the log has no room for a new
 * entry, the collection is marked instead. Entries are written in the order of their ids, as `clearLog` locks them.
 * @param room how many new entries the log takes; null: all
 */
export function repairLogSql(source: string, collection: string, room: string | null, count: RowCount): string {
  const log = (from: string) => `logged AS (
    INSERT INTO dual_write_log AS l (collection, record_id, stamp, logged_at)
    SELECT ${collection}, d.id, d.stamp, g.moment FROM gate g, ${from} ${orderedById("d", count)}
    ON CONFLICT (collection, record_id) DO UPDATE SET stamp = greatest(l.stamp, excluded.stamp), logged_at = excluded.logged_at
  )`;
  if (room === null) return log(`${source} d WHERE NOT g.redis_given_up`);
  return `debt AS MATERIALIZED (
    SELECT w.id, w.stamp, row_number() OVER () <= ${room} OR EXISTS (
      SELECT FROM dual_write_log l WHERE l.collection = ${collection} AND l.record_id = w.id) AS fits
    FROM ${source} w, gate g WHERE NOT g.redis_given_up
  ), ${log("debt d WHERE d.fits")}, overflowed AS (
    INSERT INTO dual_write_log_overflow (collection) SELECT ${collection} WHERE EXISTS (SELECT FROM debt d WHERE NOT d.fits)
    ON CONFLICT (collection) DO NOTHING
  )`;
}
