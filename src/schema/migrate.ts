/** Brings a database's schema up to date, or says exactly how it isn't; any number of processes may do so at once. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Sql } from "postgres";
import { SchemaOutOfDateError } from "../errors.js";

/** One file of the `migrations` folder. */
export interface Migration {
  /** The file's name without `.sql`. */
  readonly tag: string;
  readonly hash: string;
  readonly statements: readonly string[];
}

/** What a database has of the migrations. */
export interface SchemaStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
}

/** Asks without a client at hand: SQL in, rows out, their values in the order of the columns. */
export type Read = (text: string) => Promise<readonly (readonly unknown[])[]>;

export interface MigrateOptions {
  /** The folder that holds `meta/_journal.json` and the files. @default the package's own */
  readonly folder?: string;
}

// The same place seen from src/schema and from dist/schema.
const PACKAGE_FOLDER = fileURLToPath(new URL("../../migrations/", import.meta.url));

/** Two-part advisory lock: "dwst" and the second of its purposes; the first is the fence's. */
const LOCK = "SELECT pg_advisory_xact_lock(1685549940, 2)";
const LOST_RACE = "DWM01";

let own: Promise<Migration[]> | undefined;

/** The migrations in their order. A process reads the package's own once. */
export function readMigrations(folder = PACKAGE_FOLDER): Promise<Migration[]> {
  if (folder !== PACKAGE_FOLDER) return readFolder(folder);
  own ??= readFolder(folder).catch((error: unknown) => {
    own = undefined;
    throw error;
  });
  return own;
}

async function readFolder(folder: string): Promise<Migration[]> {
  const journal = JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8")) as {
    entries: { idx: number; tag: string }[];
  };
  const entries = [...journal.entries].sort((a, b) => a.idx - b.idx);
  return Promise.all(
    entries.map(async ({ tag }) => {
      const text = (await readFile(`${folder}/${tag}.sql`, "utf8")).replaceAll("\r\n", "\n");
      return {
        tag,
        hash: createHash("sha256").update(text).digest("hex"),
        statements: text.split("--> statement-breakpoint").map((statement) => statement.trim().replace(/;$/, "")),
      };
    }),
  );
}

/**
 * Compares without changing anything.
 * @throws SchemaOutOfDateError when a migration was edited, skipped, or isn't known to this version; pending ones are no error here.
 */
export async function readSchemaStatus(from: Sql | Read, options: MigrateOptions = {}): Promise<SchemaStatus> {
  return compare(await readMigrations(options.folder), await readApplied(from));
}

/**
 * Resolves when the database has exactly the migrations of this version.
 * @throws SchemaOutOfDateError
 */
export async function checkSchema(from: Sql | Read, options: MigrateOptions = {}): Promise<void> {
  const { pending } = await readSchemaStatus(from, options);
  if (pending.length > 0) {
    throw new SchemaOutOfDateError(
      `The database lacks ${count(pending.length, "migration")}: ${pending.join(", ")}. Apply ${pending.length === 1 ? "it" : "them"} by opening the store with schema: "apply", or with the command \`dual-write migrate-schema\`.`,
    );
  }
}

/**
 * Applies what is missing, in order, each migration in a transaction of its own. Returns the tags that this call applied.
 * @throws SchemaOutOfDateError
 */
export async function applySchema(sql: Sql, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  const done: string[] = [];
  for (;;) {
    const { applied, pending } = compare(migrations, await readApplied(sql));
    const next = migrations.find((migration) => migration.tag === pending[0]);
    if (!next) return done;
    try {
      await sql.unsafe(script(next, applied.length));
      done.push(next.tag);
    } catch (error) {
      if ((error as { code?: string }).code !== LOST_RACE) throw error;
    }
  }
}

/**
 * One migration as one string for the simple protocol, which runs it as a single transaction. (`sql.begin` would need several
 * messages, and postgres.js can send the later ones outside the transaction after a reconnect.) The lock makes others wait, and
 * the guard makes those who waited look again: each statement of the string has a snapshot of its own.
 */
function script(migration: Migration, applied: number): string {
  return [
    LOCK,
    `CREATE TABLE IF NOT EXISTS dual_write_migrations (
       position integer PRIMARY KEY, tag text NOT NULL UNIQUE, hash text NOT NULL, applied_at timestamptz(3) NOT NULL DEFAULT now())`,
    `DO $dual_write$ BEGIN
       IF (SELECT count(*) FROM dual_write_migrations) <> ${applied} THEN
         RAISE EXCEPTION 'another process migrates' USING ERRCODE = '${LOST_RACE}';
       END IF;
     END $dual_write$`,
    ...migration.statements,
    `INSERT INTO dual_write_migrations (position, tag, hash) VALUES (${applied}, ${literal(migration.tag)}, ${literal(migration.hash)})`,
  ].join("\n;\n");
}

interface Applied {
  readonly tag: string;
  readonly hash: string;
}

const UNDEFINED_TABLE = "42P01";

async function readApplied(from: Sql | Read): Promise<Applied[]> {
  const text = "SELECT tag, hash FROM dual_write_migrations ORDER BY position";
  try {
    if (isClient(from)) return await from.unsafe<Applied[]>(text);
    return (await from(text)).map(([tag, hash]) => ({ tag: tag as string, hash: hash as string }));
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return [];
    throw error;
  }
}

/** Both are functions. */
function isClient(from: Sql | Read): from is Sql {
  return typeof (from as Sql).unsafe === "function";
}

function compare(migrations: readonly Migration[], applied: readonly Applied[]): SchemaStatus {
  const hashes = new Map(applied.map(({ tag, hash }) => [tag, hash]));
  const known = new Set(migrations.map(({ tag }) => tag));
  const unknown = applied.filter(({ tag }) => !known.has(tag)).map(({ tag }) => tag);
  if (unknown.length > 0) {
    throw new SchemaOutOfDateError(
      `The database has ${count(unknown.length, "migration")} that this version of dual-write-store doesn't know: ${unknown.join(", ")}. Use the version that applied ${unknown.length === 1 ? "it" : "them"}, or a later one.`,
    );
  }
  const edited = migrations.filter(({ tag, hash }) => (hashes.get(tag) ?? hash) !== hash).map(({ tag }) => tag);
  if (edited.length > 0) {
    throw new SchemaOutOfDateError(
      `${count(edited.length, "migration")} differ from what was applied to the database: ${edited.join(", ")}. Restore the package's migrations folder, for example by installing dual-write-store again.`,
    );
  }
  const last = migrations.findLastIndex(({ tag }) => hashes.has(tag));
  const skipped = migrations
    .slice(0, last + 1)
    .filter(({ tag }) => !hashes.has(tag))
    .map(({ tag }) => tag);
  if (skipped.length > 0) {
    throw new SchemaOutOfDateError(
      `The database has ${migrations[last]?.tag} but lacks what comes before it: ${skipped.join(", ")}. Somebody removed rows from dual_write_migrations or ran an unreleased version; restore the table dual_write_migrations from a backup, or compare the schema by hand.`,
    );
  }
  return { applied: applied.map(({ tag }) => tag), pending: migrations.slice(last + 1).map(({ tag }) => tag) };
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
