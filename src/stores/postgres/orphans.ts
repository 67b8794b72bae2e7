/** What belongs to people whom no sign-up names. */
import type { Sql } from "postgres";

/** `user:{id}` or `email:{email}`; addresses belong to nobody in particular. */
export interface Orphans {
  readonly count: number;
  readonly examples: readonly string[];
}

/** Holders of live subscriptions and grants without a live user; `limit`: examples at most. Reads both tables whole. */
export function readOrphanedSubscriptions(sql: Sql, limit: number): Promise<Orphans> {
  return orphansOf(
    sql,
    `SELECT holder AS owner, holder_kind AS kind, coalesce(user_id, email) AS name FROM subscriptions
     WHERE sync_original IS NOT NULL AND (sync_expires_at IS NULL OR sync_expires_at > now())`,
    limit,
  );
}

/** The same of those who have live usage counters, each once. */
export function readOrphanedUsage(sql: Sql, limit: number): Promise<Orphans> {
  return orphansOf(
    sql,
    `SELECT DISTINCT subject_kind || ':' || subject AS owner, subject_kind AS kind, subject AS name FROM usage_tracking
     WHERE sync_expires_at IS NULL OR sync_expires_at > now()`,
    limit,
  );
}

async function orphansOf(sql: Sql, owners: string, limit: number): Promise<Orphans> {
  const [row] = await sql.unsafe<{ count: number; examples: string }[]>(
    `WITH people AS (SELECT id, email FROM users
       WHERE sync_original IS NOT NULL AND (sync_expires_at IS NULL OR sync_expires_at > now())),
     owners AS (${owners}),
     orphans AS (
       SELECT owner FROM owners WHERE kind = 'user' AND NOT EXISTS (SELECT 1 FROM people WHERE people.id = owners.name)
       UNION ALL
       SELECT owner FROM owners WHERE kind = 'email' AND NOT EXISTS (SELECT 1 FROM people WHERE people.email = owners.name))
     SELECT (SELECT count(*) FROM orphans)::float8 AS count,
       to_json(ARRAY(SELECT owner FROM orphans ORDER BY owner LIMIT $1::int))::text AS examples`,
    [limit],
  );
  return { count: Number(row?.count ?? 0), examples: JSON.parse(row?.examples ?? "[]") as string[] };
}
