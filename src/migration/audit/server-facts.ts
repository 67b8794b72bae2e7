/** What INFO says of the server that was audited. */

export interface ServerFacts {
  readonly version: string | null;
  readonly role: "master" | "replica" | null;
  /** Of a replica: whether it hears from its master. */
  readonly masterLink: "up" | "down" | null;
  /** Of all databases, with buffers and overhead. Bytes. */
  readonly usedMemory: number | null;
  /** Bytes; null: unlimited. */
  readonly maxMemory: number | null;
  readonly evictionPolicy: string | null;
  /** The database that was audited. */
  readonly database: number;
  /** Keys of the others, which were not looked at, by their number. */
  readonly otherDatabases: Readonly<Record<string, number>>;
}

export function serverFacts(info: string, database: number): ServerFacts {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? null;
  const number = (name: string) => {
    const text = field(name);
    return text !== null && /^\d+$/.test(text) ? Number(text) : null;
  };
  const role = field("role");
  const link = field("master_link_status");
  const databases = [...info.matchAll(/^db(\d+):keys=(\d+)/gm)].filter(([, n]) => Number(n) !== database);
  return {
    version: field("valkey_version") ?? field("redis_version"),
    role: role === "master" ? "master" : role === "slave" ? "replica" : null,
    masterLink: link === "up" || link === "down" ? link : null,
    usedMemory: number("used_memory"),
    maxMemory: number("maxmemory") || null,
    evictionPolicy: field("maxmemory_policy"),
    database,
    otherDatabases: Object.fromEntries(databases.map(([, n, keys]) => [n as string, Number(keys)])),
  };
}
