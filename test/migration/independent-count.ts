/** Counts by bare clients alone what became of each legacy key: no code of the library says here what is right. */
import type { Redis } from "ioredis";
import type { Sql } from "postgres";

/** Keys by where they stand in Postgres. */
export interface IndependentCount {
  readonly keys: number;
  /** A row of its own, with the very bytes, or the sum, and the same moment of expiry. */
  copied: number;
  /** On the rejects list, and no row. */
  setAside: number;
  /** Another spelling of an email whose own row is there. */
  merged: number;
  /** Neither a row nor a reject, and no such table for it. */
  ignored: number;
  /** What is none of these, by key; empty if all is well. */
  readonly wrong: string[];
}

interface Family {
  readonly shape: RegExp;
  readonly table: string;
  readonly id: string;
  /** The row's id from what the shape's group caught. */
  readonly prefix?: string;
}

const PAGE = 2000;
const SEEN_WRONG = 10;

/** Families of legacy keys; only what is spelled in lower case has a row of its own. */
const FAMILIES: readonly Family[] = [
  { shape: /^threadr:email:(.+)$/s, table: "users", id: "email" },
  { shape: /^threadr:subscription:user:(.+)$/s, table: "subscriptions", id: "holder", prefix: "user:" },
  { shape: /^threadr:premium:email:(.+)$/s, table: "subscriptions", id: "holder", prefix: "email:" },
  { shape: /^threadr:premium:ip:(.+)$/s, table: "subscriptions", id: "holder", prefix: "ip:" },
  { shape: /^threadr:usage:log:(.+:\d+\.\d+)$/s, table: "usage_log", id: "id" },
  {
    shape: /^threadr:usage:((?:ip|email|user):.+:(?:daily:\d{4}-\d\d-\d\d|monthly:\d{4}-\d\d))$/s,
    table: "usage_tracking",
    id: "id",
  },
  { shape: /^threadr:cache:(url:.+)$/s, table: "threads", id: "id" },
  { shape: /^threadr:session:(.+)$/s, table: "user_sessions", id: "token" },
];

interface Wanted {
  readonly key: Buffer;
  readonly id: string;
  readonly isVariant: boolean;
}

export async function countIndependently(redis: Redis, sql: Sql): Promise<IndependentCount> {
  const count: IndependentCount & { keys: number } = {
    keys: 0,
    copied: 0,
    setAside: 0,
    merged: 0,
    ignored: 0,
    wrong: [],
  };
  const rejected = new Set(
    (await sql<{ key: string }[]>`SELECT key FROM dual_write_rejects`).map(({ key }) =>
      key.replace(/…[0-9a-f]{16}$/, ""),
    ),
  );
  let cursor = "0";
  const seen = new Set<string>();
  do {
    const [next, page] = await redis.scanBuffer(cursor, "COUNT", PAGE);
    cursor = next.toString();
    const keys = page.filter((key) => {
      const name = key.toString("latin1");
      if (name.startsWith("dual-write:") || seen.has(name)) return false;
      seen.add(name);
      return true;
    });
    count.keys += keys.length;
    await judge(redis, sql, keys, rejected, count);
  } while (cursor !== "0");
  return count;
}

async function judge(
  redis: Redis,
  sql: Sql,
  keys: readonly Buffer[],
  rejected: ReadonlySet<string>,
  count: IndependentCount,
): Promise<void> {
  const wanted = new Map<Family, Wanted[]>();
  for (const key of keys) {
    const text = key.toString();
    const family = FAMILIES.find(({ shape }) => shape.test(text));
    if (isRejected(rejected, key)) count.setAside++;
    else if (!family) count.ignored++;
    else {
      const [, own] = family.shape.exec(text) as unknown as [string, string];
      const isVariant = own.includes("@") && own !== own.toLowerCase();
      const id = (family.prefix ?? "") + (isVariant ? own.toLowerCase() : own);
      wanted.set(family, [...(wanted.get(family) ?? []), { key, id, isVariant }]);
    }
  }
  for (const [family, all] of wanted) await compare(redis, sql, family, all, count);
}

/** Of keys that no text can hold, the list has what a text can, and a hash behind it. */
function isRejected(rejected: ReadonlySet<string>, key: Buffer): boolean {
  return rejected.has(key.toString().replaceAll("\0", "\ufffd"));
}

async function compare(
  redis: Redis,
  sql: Sql,
  { table, id }: Family,
  wanted: readonly Wanted[],
  count: IndependentCount,
): Promise<void> {
  const value = table === "usage_tracking" ? "convert_to(count::text, 'UTF8')" : "sync_original";
  const rows = await sql.unsafe<{ id: string; value: Buffer; expires: number | null }[]>(
    `SELECT ${id} AS id, ${value} AS value, round(extract(epoch FROM sync_expires_at) * 1000)::float8 AS expires
     FROM ${table} WHERE ${id} = ANY (ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb)))`,
    [JSON.stringify(wanted.map((one) => one.id))],
  );
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const reading = redis.pipeline();
  for (const { key } of wanted) reading.getBuffer(key).pexpiretime(key);
  const replies = ((await reading.exec()) ?? []).map(([, reply]) => reply);
  for (const [n, { key, id: own, isVariant }] of wanted.entries()) {
    const row = rowOf.get(own);
    const [bytes, expires] = [replies[n * 2] as Buffer | null, Number(replies[n * 2 + 1])];
    const isSame = row && bytes && row.value.equals(bytes) && (row.expires ?? -1) === expires;
    if (isVariant && row) count.merged++;
    else if (!isVariant && isSame) count.copied++;
    else if (count.wrong.length < SEEN_WRONG)
      count.wrong.push(`${JSON.stringify(key.toString())} ${row ? "differs" : "has no row"}`);
  }
}
