/** What every command does around its work: connections from flags and environment, Ctrl-C, output, closing. */
import type { Command } from "commander";
import { Migration } from "../migration/migration.js";
import { type ConnectionFlags, connectionsOf } from "./connections.js";
import { Output } from "./output.js";

export interface CommonOptions extends ConnectionFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The options that every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--redis-url <url>", "the Redis to use (default: REDIS_URL)")
    .option("--database-url <url>", "the Postgres to use (default: DATABASE_URL)")
    .option("--prefix <text>", "what legacy keys begin with", "threadr:")
    .option("--zone <name>", "the zone of legacy date-times that carry none, an IANA name", "UTC")
    .option("--collections <module>", "a JavaScript module that exports your own as `collections`, or by default")
    .option("--json", "one JSON document on standard output")
    .option("--quiet", "no progress");
}

export interface Session {
  readonly migration: Migration;
  readonly output: Output;
  /** Aborted by Ctrl-C or SIGTERM; a second Ctrl-C ends the process at once. */
  readonly signal: AbortSignal;
}

/** Runs a command's work and closes what it used. `work` gives the exit code. */
export async function runSession(options: CommonOptions, work: (session: Session) => Promise<number>): Promise<void> {
  const output = new Output({ json: options.json ?? false, quiet: options.quiet ?? false });
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(130);
    output.note("Stopping at a point from which it can go on. Press Ctrl-C again to end at once.");
    abort.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const migration = await Migration.open(await connectionsOf(options, process.env));
  try {
    process.exitCode = await work({ migration, output, signal: abort.signal });
  } finally {
    output.end();
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await migration.close();
  }
}
