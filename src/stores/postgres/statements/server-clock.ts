/** The server's clock; the cheapest proof that it answers. */
import type { PostgresConnection } from "../connection.js";

const SQL = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** Milliseconds since the epoch. */
export async function serverClock(connection: PostgresConnection): Promise<number> {
  const [row] = await connection.run(SQL);
  return Number(row?.[0]);
}
