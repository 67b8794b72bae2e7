/** `dual-write sweep`: removes what has been dead for long enough. */
import { Command } from "commander";
import { RateMeter } from "../../migration/run/progress.js";
import type { SweepReport } from "../../migration/upkeep/sweep.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly batchSize?: number;
  readonly rate?: number;
}

export function sweepCommand(): Command {
  const command = new Command("sweep")
    .description(
      "Deletes expired rows and old tombstones from Postgres in small batches. Backends do the same, a few hundred rows a minute.",
    )
    .option("--batch-size <rows>", "rows of a statement", wholeNumber)
    .option("--rate <rows>", "rows a second at most", wholeNumber)
    .addHelpText("after", "\nExample:\n  $ dual-write sweep --rate 1000");
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const meter = new RateMeter();
      const report = await migration.sweep({
        pageSize: options.batchSize,
        rate: options.rate,
        signal,
        // How many there are isn't known before the end.
        onProgress: ({ collection, removed: done }) =>
          output.progress({ phase: `sweep ${collection}`, done, total: done, ...meter.measure(done, 0), etaMs: null }),
      });
      output.result(report, lines(report));
      return report.state === "stopped" ? EXIT.unfinished : EXIT.done;
    }),
  );
}

function lines(report: SweepReport): string[] {
  return [
    report.state === "finished"
      ? `Finished in ${duration(report.elapsedMs)}.`
      : "Stopped. Run it again: it goes on where it was.",
    ...table(
      ["", "removed", "retention begun"],
      Object.entries({ ...report.collections, total: report }).map(([name, { removed, begun }]) => [
        name,
        removed,
        begun,
      ]),
    ),
    ...report.heldBack,
  ];
}
