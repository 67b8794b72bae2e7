/** `dual-write migrate-schema`: brings the database's tables up to date. */
import { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

export function migrateSchemaCommand(): Command {
  const command = new Command("migrate-schema")
    .description("Applies the library's migrations to Postgres. Safe while others do the same, and to run again.")
    .addHelpText("after", "\nExample:\n  $ DATABASE_URL=postgres://localhost/app dual-write migrate-schema");
  return withCommonOptions(command).action((options: CommonOptions) =>
    runSession(options, async ({ migration, output }) => {
      const applied = await migration.migrateSchema();
      output.result(
        { applied },
        applied.length > 0 ? applied.map((tag) => `applied ${tag}`) : ["The schema is up to date."],
      );
      return EXIT.done;
    }),
  );
}
