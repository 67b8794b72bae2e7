/** What a Postgres server tells of itself and of the role that asks. Every role may ask all of this. */
import type { Sql } from "postgres";

export interface PostgresFacts {
  readonly versionNumber: number;
  readonly version: string;
  readonly user: string;
  readonly database: string;
  /** Where tables without a schema are found and made. Null: nowhere. */
  readonly schema: string | null;
  readonly encoding: string;
  readonly isStandby: boolean;
  readonly tls: boolean;
  /** The server's own address; null over a local socket. */
  readonly address: string | null;
  readonly mayCreate: boolean;
  /** Of the parameters asked for, those that the server has. */
  readonly settings: Readonly<Record<string, string>>;
  /** Connections that are open and that may be: of the server, or fewer for this database or role. */
  readonly connections: number;
  readonly connectionLimit: number;
  /** Bytes of this database. */
  readonly size: number;
}

const SETTINGS = [
  "default_transaction_isolation",
  "default_transaction_read_only",
  "fsync",
  "full_page_writes",
  "synchronous_commit",
  "autovacuum",
  "statement_timeout",
  "transaction_timeout",
];

export async function readPostgresFacts(sql: Sql): Promise<PostgresFacts> {
  const [row] = await sql.unsafe<Omit<PostgresFacts, "settings">[]>(`
    SELECT current_setting('server_version_num')::int AS "versionNumber", current_setting('server_version') AS version,
      current_user::text AS "user", d.datname::text AS database, current_schema()::text AS schema,
      current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS "isStandby",
      coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false) AS tls,
      host(inet_server_addr()) AS address,
      coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "mayCreate",
      (SELECT sum(numbackends) FROM pg_stat_database)::float8 AS connections,
      least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        nullif(d.datconnlimit, -1), nullif(r.rolconnlimit, -1))::float8 AS "connectionLimit",
      pg_database_size(d.datname)::float8 AS size
    FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`);
  if (!row) throw new Error("The server doesn't tell about its database.");
  const settings = await sql.unsafe<{ name: string; setting: string }[]>(
    `SELECT name, setting FROM pg_settings WHERE name IN (${SETTINGS.map((name) => `'${name}'`).join(", ")})`,
  );
  return { ...row, settings: Object.fromEntries(settings.map(({ name, setting }) => [name, setting])) };
}
