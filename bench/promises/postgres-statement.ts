/** One write of one record as a Postgres statement that keeps some of the promises: as little SQL as each of them takes. */
import type { Promised } from "./rungs.js";

/**
 * $1 id, $2 owner, $3 amount, $4 active, $5 value (bytes in hex, from the companion on), $6 expiry; then as far as kept: $7 term,
 * $8 operation id. Returns the stamp. In Postgres the row is its own companion: the value's bytes stand in it beside the columns.
 */
export function postgresStatement(promises: ReadonlySet<Promised>): string {
  const isGated = promises.has("fence");
  const columns = ["id", "owner", "amount", "active", "expires_at"];
  const values = ["$1::text", "$2::text", "$3::int", "$4::boolean", "$6::timestamptz"];
  const updates = ["owner", "amount", "active", "expires_at"].map((name) => `${name} = excluded.${name}`);
  const add = (name: string, value: string, update = `excluded.${name}`) => {
    columns.push(name);
    values.push(value);
    updates.push(`${name} = ${update}`);
  };
  if (promises.has("companion")) add("original", "decode($5::text, 'hex')");
  else add("value", "$5::text");
  const micros = isGated ? "g.micros | 1" : "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint | 1";
  if (promises.has("stamp")) add("stamp", micros, "greatest(excluded.stamp, t.stamp + 1) | 1");
  if (promises.has("operation id"))
    add(
      "operations",
      "ARRAY[$8::text]",
      "t.operations[greatest(1, cardinality(t.operations) - 14):] || excluded.operations",
    );
  const source = isGated ? `SELECT ${values.join(", ")} FROM gate g WHERE g.admitted` : `VALUES (${values.join(", ")})`;
  const unrepeated = promises.has("operation id") ? "WHERE excluded.operations[1] <> ALL (t.operations)" : "";
  const returning = promises.has("stamp") ? "RETURNING t.id, t.stamp" : "";
  const insert = `INSERT INTO ladder AS t (${columns.join(", ")}) ${source}
    ON CONFLICT (id) DO UPDATE SET ${updates.join(", ")} ${unrepeated} ${returning}`;
  if (!isGated) return insert;
  const log = promises.has("log entry and its clearing") ? `, logged AS (${LOG})` : "";
  return `WITH gate AS MATERIALIZED (SELECT * FROM dual_write_admit($7::bigint, true)),
    written AS (${insert})${log}
    SELECT w.id, w.stamp FROM gate g LEFT JOIN written w ON true`;
}

const LOG = `INSERT INTO dual_write_log AS l (collection, record_id, stamp, logged_at)
  SELECT 'ladder', w.id, w.stamp, to_timestamp(g.micros / 1000000.0) FROM gate g, written w
  ON CONFLICT (collection, record_id) DO UPDATE SET stamp = greatest(l.stamp, excluded.stamp), logged_at = excluded.logged_at`;

/** $1 ids, $2 stamps. Locked in the order of the ids, as the writers' rows are. */
export const CLEAR = `WITH done AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[]) d(id, stamp)),
  locked AS MATERIALIZED (
    SELECT l.record_id FROM dual_write_log l JOIN done d ON l.record_id = d.id
    WHERE l.collection = 'ladder' AND l.stamp <= d.stamp ORDER BY l.record_id COLLATE "C" FOR UPDATE OF l)
  DELETE FROM dual_write_log l USING locked k JOIN done d ON d.id = k.record_id
  WHERE l.collection = 'ladder' AND l.record_id = k.record_id AND l.stamp <= d.stamp`;

export const CREATE = `CREATE TABLE ladder (id text PRIMARY KEY, owner text, amount integer, active boolean, value text, expires_at timestamptz(3),
  original bytea, stamp bigint NOT NULL DEFAULT 0, operations text[] NOT NULL DEFAULT '{}')`;
