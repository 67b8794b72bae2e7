/** `dual-write drain`: works off the repair logs. */
import { Command } from "commander";
import { RateMeter } from "../../migration/run/progress.js";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

export function drainCommand(): Command {
  const command = new Command("drain")
    .description(
      "Works off both repair logs until they are empty, for serverless backends, whose processes live too shortly to do it.",
    )
    .addHelpText("after", "\nTo be run each minute by a scheduler, say.\n\nExample:\n  $ dual-write drain --quiet");
  return withCommonOptions(command).action((options: CommonOptions) =>
    runSession(options, async ({ migration, output, signal }) => {
      const meter = new RateMeter();
      const report = await migration.drain({
        signal,
        onProgress: ({ drained, total }) =>
          output.progress({ phase: "drain", done: drained, total, ...meter.measure(drained, total - drained) }),
      });
      output.result(report, [
        report.redisGivenUp
          ? "Redis was given up: nothing is remembered for it any more."
          : `Both repair logs are empty; ${report.drained} entries were worked off.`,
      ]);
      return EXIT.done;
    }),
  );
}
