/** How many entries a collection's repair log has, counted no further than `limit`. */
import type { PostgresConnection } from "../connection.js";

const SQL = `SELECT count(*) FROM (SELECT FROM dual_write_log WHERE collection = $1::text LIMIT $2::bigint) counted`;

export async function countLog(connection: PostgresConnection, collection: string, limit: number): Promise<number> {
  const [row] = await connection.run(SQL, [collection, limit]);
  return Number(row?.[0]);
}
