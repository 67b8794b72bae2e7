/** As fast as one gets with the bare clients: pages read ahead in pipelines, rows written by the thousand. It neither decodes nor checks. */
import type { Redis } from "ioredis";
import type postgres from "postgres";

const PAGE = 1000;
const INSERTS_AT_ONCE = 2;
const PREFIX = Buffer.from("threadr:");

const INSERT = `INSERT INTO pipeline_copy (key, value, expires_at)
  SELECT decode(k, 'hex'), decode(v, 'hex'), to_timestamp(e / 1000.0) FROM unnest($1::text[], $2::text[], $3::bigint[]) i(k, v, e)
  ON CONFLICT (key) DO NOTHING`;

interface Page {
  readonly cursor: string;
  readonly keys: readonly Buffer[];
  readonly values: readonly (Buffer | null)[];
  readonly ttls: readonly number[];
}

/** `lanes`: clients of one connection each. Returns how many keys it looked at. */
export async function pipelineCopy(redis: Redis, lanes: readonly postgres.Sql[]): Promise<number> {
  const inserting = new Set<Promise<unknown>>();
  let seen = 0;
  let turn = 0;
  let reading: Promise<Page> | null = readPage(redis, "0");
  while (reading) {
    const page: Page = await reading;
    seen += page.keys.length;
    reading = page.cursor === "0" ? null : readPage(redis, page.cursor);
    const inserted: Promise<unknown> = insert(lanes[turn++ % lanes.length] as postgres.Sql, page).then(() =>
      inserting.delete(inserted),
    );
    inserting.add(inserted);
    if (inserting.size >= INSERTS_AT_ONCE) await Promise.race(inserting);
  }
  await Promise.all(inserting);
  return seen;
}

async function readPage(redis: Redis, from: string): Promise<Page> {
  const [cursor, found] = await redis.scanBuffer(from, "COUNT", PAGE);
  const keys = found.filter((key) => key.subarray(0, PREFIX.length).equals(PREFIX));
  if (keys.length === 0) return { cursor: cursor.toString(), keys, values: [], ttls: [] };
  const pipeline = redis.pipeline();
  const values = pipeline.mgetBuffer(keys);
  for (const key of keys) values.pttl(key);
  const [first, ...rest] = (await values.exec()) ?? [];
  return {
    cursor: cursor.toString(),
    keys,
    values: first?.[1] as (Buffer | null)[],
    ttls: rest.map(([, ttl]) => ttl as number),
  };
}

async function insert(sql: postgres.Sql, { keys, values, ttls }: Page): Promise<void> {
  const rows = keys.flatMap((key, n) =>
    values[n] ? [[key.toString("hex"), (values[n] as Buffer).toString("hex"), n] as const] : [],
  );
  if (rows.length === 0) return;
  const now = Date.now();
  const expiries = rows.map(([, , n]) => ((ttls[n] as number) < 0 ? "NULL" : now + (ttls[n] as number)));
  const list = (column: 0 | 1) => `{${rows.map((row) => row[column] || '""').join()}}`;
  await sql.unsafe(INSERT, [list(0), list(1), `{${expiries.join()}}`], { prepare: true });
}
