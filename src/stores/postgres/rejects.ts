/** The list of what was set aside: one row for each key, with its reason and the bytes that were refused. */
import { createHash } from "node:crypto";
import type { Sql } from "postgres";
import type { KnownReject, Rejected, WellAgain } from "../evidence.js";
import { storableText } from "./storable-text.js";

/** What a repair replaced was no reject but valid, and is kept for people only. */
const KEPT = "repair";

const BATCH = 500; // Rows of one statement.
/** Of a key; a B-tree entry holds about 2700 bytes. Characters. */
const MAX_KEY = 600;

/** What is set aside again is counted as another attempt; an older look at it than the one that is known changes nothing. */
export async function setAside(sql: Sql, rejects: readonly Rejected[]): Promise<void> {
  const distinct = new Map(rejects.map((one) => [`${one.collection}\0${rejectKey(one.key)}`, one]));
  const rows = [...distinct.values()].map(({ collection, key, reason, value, source, stamp }) => {
    return { collection, key: rejectKey(key), reason: storableText(reason), value, source, stamp };
  });
  for (let from = 0; from < rows.length; from += BATCH) {
    await sql`
      INSERT INTO dual_write_rejects ${sql(rows.slice(from, from + BATCH), "collection", "key", "reason", "value", "source", "stamp")}
      ON CONFLICT (collection, key) DO UPDATE
        SET reason = excluded.reason, value = excluded.value, source = excluded.source, stamp = excluded.stamp,
          attempts = dual_write_rejects.attempts + 1
        WHERE dual_write_rejects.stamp <= excluded.stamp`;
  }
}

/** What was set aside of a later state than the one that is well again stays. */
export async function takeBack(sql: Sql, collection: string, keys: readonly WellAgain[]): Promise<void> {
  if (keys.length === 0) return;
  const stamps = keys.map(({ key, stamp }) => [rejectKey(key), stamp]);
  await sql`
    DELETE FROM dual_write_rejects r USING jsonb_array_elements(${JSON.stringify(stamps)}::text::jsonb) w
    WHERE r.collection = ${collection} AND r.source <> ${KEPT} AND r.key = w ->> 0 AND r.stamp <= (w ->> 1)::bigint`;
}

/** Those of these keys that are set aside. */
export async function knownRejects(
  sql: Sql,
  collection: string,
  keys: readonly string[],
): Promise<Map<string, KnownReject>> {
  if (keys.length === 0) return new Map();
  const rows = await sql<({ key: string } & KnownReject)[]>`
    SELECT key, value, reason, source, stamp::float8 AS stamp FROM dual_write_rejects WHERE collection = ${collection} AND source <> ${KEPT}
      AND key IN (SELECT jsonb_array_elements_text(${JSON.stringify(keys.map(rejectKey))}::text::jsonb))`;
  const known = new Map(rows.map(({ key, ...reject }) => [key, reject]));
  return new Map(
    keys.flatMap((key) => {
      const reject = known.get(rejectKey(key));
      return reject ? [[key, reject] as const] : [];
    }),
  );
}

/** What a repair replaced, too. */
export async function rejectCount(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`SELECT count(*)::float8 AS count FROM dual_write_rejects`;
  return row?.count ?? 0;
}

/** The list has another text in its place than the key, whose record can't be looked up by it. */
export function isStandIn(key: string): boolean {
  return /…[0-9a-f]{16}$/.test(key);
}

/** A key as the list has it: what can't be stored or indexed is cut, and told apart by a hash. */
function rejectKey(key: string): string {
  const text = storableText(key);
  if (text === key && key.length <= MAX_KEY) return key;
  return `${text.slice(0, MAX_KEY)}…${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}
