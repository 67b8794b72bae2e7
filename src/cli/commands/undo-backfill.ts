/** `dual-write undo-backfill`: takes back what a backfill brought. */
import { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

export function undoBackfillCommand(): Command {
  const command = new Command("undo-backfill")
    .description("Deletes the rows that a backfill inserted and that nothing has touched since.")
    .argument("<run>", "its id, as the backfill and `dual-write status` show it")
    .addHelpText(
      "after",
      "\nRefused at stage 2 and later. What the library wrote, adopted or merged stays, and so do the usage statistics.\n\nExample:\n  $ dual-write undo-backfill 0b1f3c5e-8d59-4c1f-9f52-3f0f1f6f7a10",
    );
  return withCommonOptions(command).action((run: string, options: CommonOptions) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.undoBackfill(run, { signal, onProgress: (progress) => output.progress(progress) });
      output.result(report, [
        ...Object.entries(report.removed).map(([name, rows]) => `${name}: ${rows} rows removed`),
        "These collections count as not backfilled now.",
      ]);
      return EXIT.done;
    }),
  );
}
