/** The `dual-write` command with all its subcommands. */
import { Command } from "commander";
import { auditCommand } from "./commands/audit.js";
import { backfillCommand } from "./commands/backfill.js";
import { backupCommand } from "./commands/backup.js";
import { doctorCommand } from "./commands/doctor.js";
import { drainCommand } from "./commands/drain.js";
import { flipCommand } from "./commands/flip.js";
import { migrateSchemaCommand } from "./commands/migrate-schema.js";
import { phaseOutCommand } from "./commands/phase-out.js";
import { planCommand } from "./commands/plan.js";
import { rejectsCommand } from "./commands/rejects.js";
import { reportCommand } from "./commands/report.js";
import { restoreCommand } from "./commands/restore.js";
import { rollbackCommand } from "./commands/rollback.js";
import { statusCommand } from "./commands/status.js";
import { sweepCommand } from "./commands/sweep.js";
import { undoBackfillCommand } from "./commands/undo-backfill.js";
import { verifyCommand } from "./commands/verify.js";
import { version } from "./version.js";

/** In the order in which an operator meets them. */
const COMMANDS = [
  doctorCommand,
  auditCommand,
  planCommand,
  backupCommand,
  restoreCommand,
  migrateSchemaCommand,
  backfillCommand,
  undoBackfillCommand,
  rejectsCommand,
  verifyCommand,
  statusCommand,
  flipCommand,
  rollbackCommand,
  phaseOutCommand,
  reportCommand,
  sweepCommand,
  drainCommand,
];

export function makeProgram(): Command {
  const program = new Command("dual-write")
    .description("Moves a live backend's data from Redis to Postgres, and back.")
    .version(version)
    .showHelpAfterError("(`dual-write help COMMAND` tells more)")
    .addHelpText(
      "after",
      `
Connections come from --redis-url and --database-url, from REDIS_URL (with REDIS_PASSWORD and REDIS_TLS_ENABLED) and DATABASE_URL
in the environment or in a file .env, or from dual-write.config.ts, which also names your own collections.

Exit codes: 0 done, 1 done with findings, 2 wrong usage or configuration, 3 could not finish.

Example:
  $ dual-write migrate-schema && dual-write backfill && dual-write verify`,
    )
    .exitOverride();
  for (const make of COMMANDS) program.addCommand(throwing(make()));
  return program;
}

/** The command and its subcommands throw their usage errors instead of ending the process. */
function throwing(command: Command): Command {
  for (const sub of command.commands) throwing(sub);
  return command.exitOverride();
}
