/** The script that one usually writes: key by key out of Redis, row by row into Postgres, in batches of a hundred. */
import type { Redis } from "ioredis";
import type postgres from "postgres";

const BATCH = 100;

interface Row {
  readonly key: string;
  readonly value: string;
  readonly expiresAt: Date | null;
}

/** Copies the first `limit` keys. Returns how many it looked at. */
export async function usualScript(redis: Redis, sql: postgres.Sql, limit: number): Promise<number> {
  let cursor = "0";
  let seen = 0;
  let rows: Row[] = [];
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", "threadr:*", "COUNT", BATCH);
    cursor = next;
    for (const key of keys) {
      seen++;
      if ((await redis.type(key)) !== "string") continue;
      const value = await redis.get(key);
      const ttl = await redis.pttl(key);
      if (value === null || value.includes("\0") || key.includes("\0")) continue;
      rows.push({ key, value, expiresAt: ttl < 0 ? null : new Date(Date.now() + ttl) });
      if (rows.length === BATCH) {
        await insertAll(sql, rows);
        rows = [];
      }
    }
  } while (cursor !== "0" && seen < limit);
  await insertAll(sql, rows);
  return seen;
}

/** A batch is a transaction: a commit for each row would be slower still. */
async function insertAll(sql: postgres.Sql, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  await sql.begin(async (transaction) => {
    for (const { key, value, expiresAt } of rows)
      await transaction`INSERT INTO usual_copy (key, value, expires_at) VALUES (${key}, ${value}, ${expiresAt}) ON CONFLICT (key) DO NOTHING`;
  });
}
