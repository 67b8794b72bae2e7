#!/usr/bin/env node
/** The `dual-write` command: finds the command asked for and turns how it ended into an exit code. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { backfillCommand } from "./commands/backfill.js";
import { giveUpRedisCommand, takeRedisBackCommand } from "./commands/give-up-redis.js";
import { migrateSchemaCommand } from "./commands/migrate-schema.js";
import { statusCommand } from "./commands/status.js";
import { verifyCommand } from "./commands/verify.js";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { explain } from "./explain.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("dual-write")
  .description("Moves a live backend's data from Redis to Postgres, and back.")
  .version(version)
  .showHelpAfterError("(`dual-write help COMMAND` tells more)")
  .addHelpText(
    "after",
    `
Connections come from --redis-url and --database-url, or from REDIS_URL and DATABASE_URL.

Exit codes: 0 done, 1 done with findings, 2 wrong usage or configuration, 3 could not finish.

Example:
  $ dual-write migrate-schema && dual-write backfill && dual-write verify`,
  )
  .exitOverride();

for (const make of [
  migrateSchemaCommand,
  backfillCommand,
  verifyCommand,
  statusCommand,
  giveUpRedisCommand,
  takeRedisBackCommand,
]) {
  program.addCommand(make().exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has told what is wrong; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
