/** The fleet's live processes; a lease ends by the server's clock. */
import type { Lease } from "../../store.js";
import type { PostgresConnection } from "../connection.js";

const PUT = `INSERT INTO dual_write_leases AS l (process_id, strategy, stage, host, pid, expires_at)
VALUES ($1::text, $2::text, $3::smallint, $4::text, $5::integer, clock_timestamp() + $6::bigint * interval '1 millisecond')
ON CONFLICT (process_id) DO UPDATE SET strategy = excluded.strategy, stage = excluded.stage, host = excluded.host,
  pid = excluded.pid, expires_at = excluded.expires_at`;

/** Takes or renews. */
export async function putLease(connection: PostgresConnection, lease: Lease, ttlMs: number): Promise<void> {
  await connection.run(PUT, [lease.processId, lease.strategy, lease.stage, lease.host, lease.pid, Math.ceil(ttlMs)]);
}

/** And what ended long ago with it, so that the table stays small. */
const DROP = `DELETE FROM dual_write_leases WHERE process_id = $1::text OR expires_at < clock_timestamp() - interval '1 day'`;

export async function dropLease(connection: PostgresConnection, processId: string): Promise<void> {
  await connection.run(DROP, [processId]);
}

const READ = `SELECT process_id, strategy, stage, host, pid FROM dual_write_leases WHERE expires_at > clock_timestamp() ORDER BY process_id`;

export async function readLeases(connection: PostgresConnection): Promise<Lease[]> {
  const rows = await connection.run(READ);
  return rows.map(([processId, strategy, stage, host, pid]) => ({
    processId: processId as string,
    strategy: strategy as string,
    stage: Number(stage),
    host: host as string,
    pid: Number(pid),
  }));
}
