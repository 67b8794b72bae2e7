/** What every command does around its work: settings, log file, Ctrl-C, output, closing. */
import type { Command } from "commander";
import { ConfigurationError } from "../errors.js";
import { Migration, type MigrationOptions } from "../migration/migration.js";
import { loadConfig } from "./config-file.js";
import { type ConnectionFlags, connectionsOf } from "./connections.js";
import type { DualWriteConfig } from "./define-config.js";
import { takeInEnvFile } from "./environment.js";
import { exitCodeOf } from "./exit-codes.js";
import { explain } from "./explain.js";
import { hidePasswords } from "./masks.js";
import { Output } from "./output.js";
import { defaultLogFile, RunLog } from "./run-log.js";
import { version } from "./version.js";

export interface CommonOptions extends ConnectionFlags {
  /** The command's name, with its parents'. Set by `withCommonOptions`. */
  readonly command: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  /** False: `--no-log-file`. */
  readonly logFile?: string | false;
}

/** The options that every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .optionsGroup("Options of every command:")
    .option("--redis-url <url>", "the Redis to use (default: REDIS_URL)")
    .option("--database-url <url>", "the Postgres to use (default: DATABASE_URL)")
    .option("--prefix <text>", 'what legacy keys begin with (default: "threadr:")')
    .option("--zone <name>", 'the zone of legacy date-times that carry none, an IANA name (default: "UTC")')
    .option("--config <file>", "the configuration (default: dual-write.config.ts, .js or .mjs, if it is there)")
    .option("--log-file <file>", "where JSON lines of the run go (default: a file of its own in .dual-write/logs)")
    .option("--no-log-file", "write no log file")
    .option("--json", "one JSON document on standard output")
    .option("--quiet", "nothing but the result and errors")
    .option("--verbose", "tell more on the way, and the causes of errors")
    .hook("preAction", (_, acting) => {
      acting.setOptionValue("command", nameOf(acting));
    });
}

function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

/** What a command has that opens no migration. */
export interface Surroundings {
  readonly output: Output;
  /** What a migration would be opened with; Postgres may be missing. */
  readonly connections: MigrationOptions;
  /** The configuration file's; empty without one. */
  readonly config: DualWriteConfig;
  /** Aborted by Ctrl-C or SIGTERM; a second Ctrl-C ends the process at once. */
  readonly signal: AbortSignal;
}

export interface Session extends Surroundings {
  readonly migration: Migration;
}

/** Runs a command's work on an open migration and closes what it used. `work` gives the exit code. */
export function runSession(options: CommonOptions, work: (session: Session) => Promise<number>): Promise<void> {
  const inMigration = async (around: Surroundings) => {
    const migration = await Migration.open(around.connections);
    try {
      return await work({ ...around, migration });
    } finally {
      await migration.close();
    }
  };
  return runAlone(options, inMigration, { needsPostgres: true });
}

/** The same for a command that opens what it needs itself, if it needs anything. */
export async function runAlone(
  options: CommonOptions,
  work: (around: Surroundings) => Promise<number>,
  { needsPostgres = false } = {},
): Promise<void> {
  const { json = false, quiet = false, verbose = false } = options;
  const output = new Output({ json, quiet, verbose });
  takeInEnvFile(process.env, process.cwd());
  const { file, config } = await loadConfig(options.config, process.cwd());
  const connections = connectionsOf(options, process.env, config, needsPostgres);
  const log = openLog(options, config, output);
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) {
      log?.end(INTERRUPTED);
      process.exit(INTERRUPTED);
    }
    output.note("Stopping at a safe point. Press Ctrl-C again to end at once.");
    abort.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  if (file) output.detail(`Configuration: ${file}`);
  for (const name of ["redis", "postgres"] as const) output.detail(`${name}: ${nameUrl(connections[name])}`);
  try {
    process.exitCode = await work({ output, connections, config, signal: abort.signal });
    log?.end(process.exitCode);
  } catch (error) {
    output.end();
    if (error instanceof Error && error.stack) output.detail(hidePasswords(error.stack));
    log?.error(error, explain(error));
    log?.end(exitCodeOf(error));
    throw error;
  } finally {
    output.end();
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** What a shell expects of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

/** @throws ConfigurationError for a file that was named and can't be written */
function openLog(options: CommonOptions, config: DualWriteConfig, output: Output): RunLog | null {
  const named = options.logFile ?? config.logFile;
  if (named === false) return null;
  const file = named ?? defaultLogFile(options.command);
  const failed = (error: Error) => output.note(`Nothing more is written to the log file: ${error.message}`);
  try {
    const log = new RunLog(file, { command: options.command, arguments: process.argv.slice(2), version }, failed);
    output.logTo(log);
    return log;
  } catch (cause) {
    const { message } = cause as Error;
    if (named !== undefined)
      throw new ConfigurationError([{ path: "--log-file", message: `can't be written: ${message}` }], { cause });
    output.note(`No log file is written: ${message}`);
    return null;
  }
}

function nameUrl(connection: unknown): string {
  if (connection === undefined) return "not configured";
  return typeof connection === "string" ? hidePasswords(connection) : "by the configuration's options";
}
