/** `dual-write migrate-schema`: brings the database's tables up to date. */
import { Command } from "commander";
import { type BackupCheckOptions, ensureBackup, withBackupCheck, withoutBackup } from "../backup-check.js";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

export function migrateSchemaCommand(): Command {
  const command = new Command("migrate-schema")
    .description("Applies the library's migrations to Postgres. Safe while others do the same, and to run again.")
    .addHelpText(
      "after",
      "\nWhere there is anything to apply, a recent backup of the database must be there.\n\nExample:\n  $ DATABASE_URL=postgres://localhost/app dual-write migrate-schema --backup-first",
    );
  return withCommonOptions(withBackupCheck(command)).action((options: CommonOptions & BackupCheckOptions) =>
    runSession(options, async (session) => {
      const { migration, output } = session;
      const reason = withoutBackup(options);
      const isNeeded = (await migration.pendingMigrations()).length > 0;
      if (isNeeded) await ensureBackup(session, options, { redis: false, label: "before-migrate-schema" });
      const applied = await migration.migrateSchema();
      if (isNeeded && reason !== null) await migration.goWithoutBackup({ reason });
      output.result(
        { applied },
        applied.length > 0 ? applied.map((tag) => `applied ${tag}`) : ["The schema is up to date."],
      );
      return EXIT.done;
    }),
  );
}
