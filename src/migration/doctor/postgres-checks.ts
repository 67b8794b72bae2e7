/** Whether a Postgres server and the role used there are fit for what the library asks of them. */
import type { Asked } from "../../stores/asked.js";
import type { PostgresFacts } from "../../stores/postgres/server-facts.js";
import type { TableAccess } from "../../stores/postgres/table-access.js";
import { bytes, Findings, isLocal } from "./finding.js";

/** The oldest that is tested. */
const OLDEST = 15;
/** What a backend process opens by default, and what a command does. */
const POOL = 14;
/** A statement of ours that is given less time may be cut off in the middle of a batch. Milliseconds. */
const SHORT_MS = 5000;

export interface PostgresAnswers {
  readonly facts: PostgresFacts;
  readonly tables: readonly TableAccess[];
  /** Migrations that aren't applied yet. */
  readonly pending: Asked<readonly string[]>;
}

/** @param footprint what the copied data may need there in bytes, if that is known */
export function postgresFindings(
  { facts, tables, pending }: PostgresAnswers,
  footprint: number | null,
): Findings["all"] {
  const findings = new Findings("postgres");
  checkServer(findings, facts);
  checkSettings(findings, facts.settings);
  checkRoom(findings, facts, footprint);
  checkSchema(findings, facts, tables, pending);
  return findings.all;
}

function checkServer(findings: Findings, facts: PostgresFacts): void {
  const old = facts.versionNumber < OLDEST * 10_000;
  findings.check("version", !old, "problem", facts.version, `Upgrade: ${OLDEST} is the oldest that is tested.`);
  findings.check(
    "role of the server",
    !facts.isStandby,
    "blocking",
    facts.isStandby ? "a standby" : "a primary",
    "Connect to the primary: a standby takes no writes.",
  );
  findings.check(
    "encoding",
    facts.encoding === "UTF8",
    "blocking",
    facts.encoding,
    "Use a database with the encoding UTF8: values hold any character.",
  );
  const local = facts.address === null || isLocal(facts.address);
  findings.check(
    "TLS",
    facts.tls || local,
    "problem",
    facts.tls ? "on" : "off",
    "Add ?sslmode=require to DATABASE_URL, or set ssl.",
  );
  findings.ok("user", facts.user);
}

function checkSettings(findings: Findings, settings: PostgresFacts["settings"]): void {
  const must = (name: string, wanted: string, remedy: string) => {
    const value = settings[name];
    if (value !== undefined) findings.check(name, value === wanted, "blocking", value, remedy);
  };
  must(
    "default_transaction_isolation",
    "read committed",
    "ALTER ROLE … SET default_transaction_isolation = 'read committed': the fence needs it.",
  );
  must("default_transaction_read_only", "off", "ALTER ROLE … SET default_transaction_read_only = off.");
  must("fsync", "on", "Set fsync = on: without it a crash can lose or spoil everything.");
  must("full_page_writes", "on", "Set full_page_writes = on: without it a crash can spoil pages.");
  const commit = settings.synchronous_commit;
  findings.check(
    "synchronous_commit",
    commit !== "off",
    "blocking",
    String(commit),
    "ALTER ROLE … SET synchronous_commit = on: with off a crash loses writes that were acknowledged.",
  );
  findings.check(
    "autovacuum",
    settings.autovacuum !== "off",
    "problem",
    String(settings.autovacuum),
    "Set autovacuum = on: each update leaves a dead row.",
  );
  for (const name of ["statement_timeout", "transaction_timeout"]) {
    const ms = Number(settings[name] ?? 0);
    const figure = ms === 0 ? "none" : `${ms} ms`;
    findings.check(
      name,
      ms === 0 || ms >= SHORT_MS,
      "problem",
      figure,
      `Give the role at least ${SHORT_MS} ms; the library has deadlines of its own.`,
    );
  }
}

function checkRoom(findings: Findings, facts: PostgresFacts, footprint: number | null): void {
  const free = facts.connectionLimit - facts.connections;
  findings.check(
    "free connections",
    free >= POOL,
    free < POOL / 2 ? "blocking" : "problem",
    `${free} of ${facts.connectionLimit}`,
    "Each process opens up to 10 (option `poolSize`) and 4 more, a command up to 8: raise max_connections or the role's limit, or lower poolSize.",
  );
  const needs = footprint === null ? "" : `, the copy needs about ${bytes(footprint)} more`;
  findings.unknown(
    "disk",
    `the database has ${bytes(facts.size)}${needs}; Postgres doesn't tell how much is free`,
    "Look at the server's disk: twice that should be free.",
  );
}

function checkSchema(
  findings: Findings,
  facts: PostgresFacts,
  tables: readonly TableAccess[],
  pending: Asked<readonly string[]>,
): void {
  if (!pending.known) {
    findings.check("schema", false, "blocking", pending.reason, "See the message; nothing was changed.");
    return;
  }
  const count = pending.value.length;
  findings.check(
    "schema",
    count === 0,
    "blocking",
    count === 0 ? "up to date" : `${count} migrations to apply: ${pending.value.join(", ")}`,
    facts.mayCreate
      ? "Run `dual-write migrate-schema`."
      : `Run \`dual-write migrate-schema\` as a role that may create in the schema ${facts.schema}; ${facts.user} may not. --privileges shows one.`,
  );
  if (count > 0) return;
  const missing = tables.filter(({ exists, missingColumns }) => !exists || missingColumns.length > 0);
  findings.check(
    "tables",
    missing.length === 0,
    "blocking",
    missing.length === 0
      ? `${tables.length} are there`
      : missing
          .map(
            ({ table, exists, missingColumns }) =>
              `${table} ${exists ? `lacks ${missingColumns.join(", ")}` : "is missing"}`,
          )
          .join("; "),
    "Tables of your own collections are made by your own migrations, with ...syncColumns().",
  );
  const refused = tables.filter(({ missingRights }) => missingRights.length > 0);
  findings.check(
    "privileges",
    refused.length === 0,
    "blocking",
    refused.length === 0
      ? "suffice"
      : refused.map(({ table, missingRights }) => `${table}: no ${missingRights.join(", ")}`).join("; "),
    "Run the GRANTs shown by --privileges.",
  );
}
