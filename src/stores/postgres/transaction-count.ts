/** How much the database was used. */
import type { Sql } from "postgres";

/** Transactions that have ended in it since its statistics began. */
export async function readTransactionCount(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ count: number | null }[]>`
    SELECT (xact_commit + xact_rollback)::float8 AS count FROM pg_stat_database WHERE datname = current_database()`;
  return row?.count ?? null;
}
