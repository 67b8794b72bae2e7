/** Runs Postgres's own programs: `pg_dump` for a backup, `psql` to read it back. Passwords travel by environment, never as arguments. */
import { execFile, spawn } from "node:child_process";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { BackupError } from "../../errors.js";

const STDERR_LIMIT = 4000;

/** The major version of `program` on the PATH; null: it isn't there. */
export async function majorVersion(program: "pg_dump" | "psql"): Promise<number | null> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"]);
    return Number(/\b(\d+)(?:\.\d+|devel|beta\d*|rc\d*)/.exec(stdout)?.[1] ?? Number.NaN) || null;
  } catch {
    return null;
  }
}

/** What libpq needs to reach the same database; null: the driver's options can't be said that way. */
export async function libpqEnvironment({ options }: Sql): Promise<NodeJS.ProcessEnv | null> {
  const { host, port, path, database, user, ssl } = options;
  const pass = options.pass as unknown;
  const sslmode = sslModeOf(ssl);
  if (sslmode === null) return null;
  const password = typeof pass === "function" ? await (pass as () => string | Promise<string>)() : pass;
  return {
    ...process.env,
    PGHOST: path ? dirname(String(path)) : host.join(","),
    PGPORT: port.join(","),
    PGDATABASE: database,
    PGUSER: user,
    ...(password ? { PGPASSWORD: String(password) } : {}),
    ...(sslmode ? { PGSSLMODE: sslmode } : {}),
  };
}

/** Empty: libpq's own default. */
function sslModeOf(ssl: unknown): string | null {
  if (ssl === undefined || ssl === false) return "";
  if (ssl === true) return "require";
  return typeof ssl === "string" ? ssl : null;
}

/**
 * The database as an SQL script that psql reads, with its definitions, owners and rights; what it holds already is dropped first.
 * @throws BackupError with what pg_dump said
 */
export async function* dumpWithPgDump(
  environment: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const args = ["--no-password", "--format=plain", "--clean", "--if-exists", "--encoding=UTF8"];
  const child = spawn("pg_dump", args, { env: environment, stdio: ["ignore", "pipe", "pipe"], signal });
  const ended = outcomeOf("pg_dump", child);
  ended.catch(() => {}); // Met below, once its output has ended.
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
  } finally {
    child.kill();
  }
}

/** Runs a script in one transaction. @throws BackupError with what psql said */
export async function runWithPsql(
  environment: NodeJS.ProcessEnv,
  script: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<void> {
  const args = ["--no-password", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-"];
  const child = spawn("psql", args, { env: environment, stdio: ["pipe", "ignore", "pipe"], signal });
  const ended = outcomeOf("psql", child);
  ended.catch(() => {}); // Met below.
  // Where psql ended early, what it said tells more than that its input broke.
  const fed = pipeline(Readable.from(script), child.stdin).then(
    () => null,
    (error: unknown) => error as Error,
  );
  const [broken] = await Promise.all([fed, ended]);
  if (broken) throw broken;
}

function outcomeOf(program: string, child: ReturnType<typeof spawn>): Promise<void> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-STDERR_LIMIT);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new BackupError(`${program} failed (${code ?? signal}): ${said.trim() || "it said nothing"}`));
    });
  });
}
