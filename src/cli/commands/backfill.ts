/** `dual-write backfill`: copies what stood in Redis before. */
import { Command } from "commander";
import type { BackfillReport } from "../../migration/backfill/backfill.js";
import { OUTCOMES } from "../../migration/run/tally.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly collection?: string[];
  readonly batchSize?: number;
  readonly rate?: number;
  readonly restart?: boolean;
}

export function backfillCommand(): Command {
  const command = new Command("backfill")
    .description(
      "Copies Redis to Postgres while traffic goes on. Can be killed at any time and run again; live writes win.",
    )
    .option("--collection <names...>", "only these collections (default: all)")
    .option("--batch-size <keys>", "keys of a page", wholeNumber)
    .option("--rate <keys>", "keys a second at most", wholeNumber)
    .option("--restart", "begin anew where an earlier run could go on")
    .addHelpText(
      "after",
      "\nExits with 1 if values were set aside or the counts don't add up.\n\nExample:\n  $ dual-write backfill --rate 5000",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.backfill({
        collections: options.collection,
        pageSize: options.batchSize,
        rate: options.rate,
        restart: options.restart,
        signal,
        onProgress: ({ phase, scanned, total, rate, etaMs }) =>
          output.progress({ phase, done: scanned, total, rate, etaMs }),
      });
      output.result(report, lines(report));
      if (report.state === "stopped" || report.overflowed.length > 0) return EXIT.unfinished;
      return report.counts.setAside > 0 || !report.addsUp ? EXIT.findings : EXIT.done;
    }),
  );
}

function lines(report: BackfillReport): string[] {
  const rows = Object.entries({ ...report.collections, total: report.counts });
  return [
    report.state === "finished"
      ? `Finished in ${duration(report.elapsedMs)}.`
      : "Stopped. Run it again: it goes on where it was.",
    ...table(
      ["", "seen", ...OUTCOMES],
      rows.map(([name, counts]) => [name, counts.seen, ...OUTCOMES.map((outcome) => counts[outcome])]),
    ),
    report.addsUp
      ? "The counts add up to what was seen."
      : "THE COUNTS DON'T ADD UP to what was seen: please report this.",
    ...Object.entries(report.ignored).map(([pattern, count]) => `ignored: ${count} keys like ${pattern}`),
    ...(report.counts.setAside > 0
      ? [`${report.counts.setAside} values were set aside with their reasons; \`dual-write status\` counts them.`]
      : []),
    ...(report.overflowed.length > 0
      ? [`The repair log of ${report.overflowed.join(", ")} was full meanwhile: run it once more.`]
      : []),
  ];
}
