/** The list of what was set aside: one row for each key, with its reason and the bytes that were refused. */
import { createHash } from "node:crypto";
import type { Sql } from "postgres";
import type { Rejected } from "../evidence.js";
import { storableText } from "./storable-text.js";

export interface KnownReject {
  /** What was refused; null for a delete, or where nothing readable stood. */
  readonly value: Buffer | null;
  readonly reason: string;
  readonly source: string;
}

/** What a repair replaced was no reject but valid, and is kept for people only. */
const KEPT = "repair";

const BATCH = 500; // Rows of one statement.
/** Of a key; a B-tree entry holds about 2700 bytes. Characters. */
const MAX_KEY = 600;

/** What is set aside again is counted as another attempt. */
export async function setAside(sql: Sql, rejects: readonly Rejected[]): Promise<void> {
  const distinct = new Map(rejects.map((one) => [`${one.collection}\0${rejectKey(one.key)}`, one]));
  const rows = [...distinct.values()].map(({ collection, key, reason, value, source }) => {
    return { collection, key: rejectKey(key), reason: storableText(reason), value, source };
  });
  for (let from = 0; from < rows.length; from += BATCH) {
    await sql`
      INSERT INTO dual_write_rejects ${sql(rows.slice(from, from + BATCH), "collection", "key", "reason", "value", "source")}
      ON CONFLICT (collection, key) DO UPDATE
        SET reason = excluded.reason, value = excluded.value, source = excluded.source, attempts = dual_write_rejects.attempts + 1`;
  }
}

export async function takeBack(sql: Sql, collection: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await sql`
    DELETE FROM dual_write_rejects WHERE collection = ${collection} AND source <> ${KEPT}
      AND key IN (SELECT jsonb_array_elements_text(${JSON.stringify(keys.map(rejectKey))}::text::jsonb))`;
}

/** Those of these keys that are set aside. */
export async function knownRejects(
  sql: Sql,
  collection: string,
  keys: readonly string[],
): Promise<Map<string, KnownReject>> {
  if (keys.length === 0) return new Map();
  const rows = await sql<({ key: string } & KnownReject)[]>`
    SELECT key, value, reason, source FROM dual_write_rejects WHERE collection = ${collection} AND source <> ${KEPT}
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

/** A key as the list has it: what can't be stored or indexed is cut, and told apart by a hash. */
function rejectKey(key: string): string {
  const text = storableText(key);
  if (text === key && key.length <= MAX_KEY) return key;
  return `${text.slice(0, MAX_KEY)}…${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}
