/** Which database this is, however it is reached. */
import type { Sql } from "postgres";

export interface ServerIdentity {
  /** The cluster's system identifier and the database's name. */
  readonly server: string;
  /** Such as "17.5". */
  readonly version: string;
  readonly major: number;
}

export async function serverIdentity(sql: Sql): Promise<ServerIdentity> {
  const [row] = await sql.unsafe<{ database: string; version: string; number: number }[]>(`
    SELECT current_database() AS database, current_setting('server_version') AS version,
      current_setting('server_version_num')::int AS number`);
  const { database = "", version = "", number = 0 } = row ?? {};
  return { server: `${await systemIdentifier(sql)}/${database}`, version, major: Math.floor(number / 10_000) };
}

/** Relatives of Postgres have none, and some managed servers don't tell it. */
async function systemIdentifier(sql: Sql): Promise<string> {
  try {
    const [row] = await sql.unsafe<{ id: string }[]>("SELECT system_identifier::text AS id FROM pg_control_system()");
    return row?.id ?? "?";
  } catch (error) {
    const { code } = error as { code?: string };
    // Undefined function, insufficient privilege, not supported.
    if (code === "42883" || code === "42501" || code === "0A000") return "?";
    throw error;
  }
}
