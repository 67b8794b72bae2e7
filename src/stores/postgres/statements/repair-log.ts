/** Reading, clearing and measuring a collection's repair log. */
import type { LogEntry, LogStatus } from "../../store.js";
import type { PostgresConnection } from "../connection.js";
import { numberArray, textArray } from "../sql-text.js";
import { type RowCount, rowCount, rowsSql } from "./input-rows.js";

const READ = `SELECT record_id, stamp FROM dual_write_log WHERE collection = $1::text ORDER BY stamp, record_id LIMIT $2::int`;

/** Oldest stamps first. */
export async function readLog(connection: PostgresConnection, collection: string, limit: number): Promise<LogEntry[]> {
  const rows = await connection.run(READ, [collection, limit]);
  return rows.map(([id, stamp]) => ({ id: id as string, stamp: Number(stamp) }));
}

/**
 * Locks in the order of the ids, as writers do: a DELETE that locks in an order of its own would deadlock with them. Both
 * comparisons of stamps are made again on the newest entry, once it is locked; one that a writer raised meanwhile stays. Nobody waits
 * until it is on disk: an entry that a crash brings back costs a repetition.
 */
const clearSql = (count: RowCount) => `WITH done AS MATERIALIZED (
  SELECT d.* FROM set_config('synchronous_commit', 'off', true), ${rowsSql(["$2::text[]", "$3::bigint[]"], count)} d(id, stamp, n)
), locked AS MATERIALIZED (
  SELECT l.record_id FROM dual_write_log l JOIN done d ON l.record_id = d.id
  WHERE l.collection = $1::text AND l.stamp <= d.stamp ORDER BY l.record_id COLLATE "C" FOR UPDATE OF l
)
DELETE FROM dual_write_log l USING locked k JOIN done d ON d.id = k.record_id
WHERE l.collection = $1::text AND l.record_id = k.record_id AND l.stamp <= d.stamp`;

export async function clearLog(
  connection: PostgresConnection,
  collection: string,
  entries: readonly LogEntry[],
): Promise<void> {
  await connection.run(clearSql(rowCount(entries.length)), [
    collection,
    textArray(entries.map(({ id }) => id)),
    numberArray(entries.map(({ stamp }) => stamp)),
  ]);
}

const STATUS = `SELECT
  (SELECT count(*) FROM dual_write_log WHERE collection = $1::text),
  (SELECT greatest(0, extract(epoch FROM clock_timestamp() - logged_at) * 1000)::bigint
    FROM dual_write_log WHERE collection = $1::text ORDER BY stamp LIMIT 1),
  EXISTS (SELECT FROM dual_write_log_overflow WHERE split_part(collection, ':', 1) = $1::text)`;

export async function logStatus(connection: PostgresConnection, collection: string): Promise<LogStatus> {
  const [[entries, lagMs, overflowed] = []] = await connection.run(STATUS, [collection]);
  return { entries: Number(entries), lagMs: Number(lagMs ?? 0), overflowed: overflowed === true };
}

const LOGGED = `SELECT collection FROM dual_write_log GROUP BY collection
UNION SELECT split_part(collection, ':', 1) FROM dual_write_log_overflow`;

export async function loggedCollections(connection: PostgresConnection): Promise<string[]> {
  return (await connection.run(LOGGED)).map(([name]) => name as string);
}

/**
 * The mark, and what an earlier copy didn't come to the end of, becomes `collection:token`, so that the next write that is left out
 * makes a mark of its own. Waits for the writes in flight, as a change of the fence does: one that found the mark standing has left
 * no other. A mark that one of them made meanwhile isn't seen, and stands.
 */
const TAKE_OVERFLOW = `WITH locked AS MATERIALIZED (
  SELECT dual_write_lock_fence()
), taken AS (
  DELETE FROM dual_write_log_overflow o USING locked WHERE split_part(o.collection, ':', 1) = $1::text RETURNING o.since
)
INSERT INTO dual_write_log_overflow (collection, since) SELECT $1::text || ':' || $2::text, min(t.since) FROM taken t HAVING count(*) > 0
ON CONFLICT (collection) DO NOTHING`;

export async function takeOverflow(connection: PostgresConnection, collection: string, token: string): Promise<void> {
  await connection.run(TAKE_OVERFLOW, [collection, token]);
}

export async function settleOverflow(connection: PostgresConnection, collection: string, token: string): Promise<void> {
  await connection.run("DELETE FROM dual_write_log_overflow WHERE collection = $1::text", [`${collection}:${token}`]);
}
