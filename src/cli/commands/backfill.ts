/** `dual-write backfill`: copies what stood in Redis before. */
import { Command, Option } from "commander";
import type { BackfillOptions, BackfillReport } from "../../migration/backfill/backfill.js";
import type { Priority } from "../../stores/collection.js";
import { backfillLines, reverseLines } from "../backfill-lines.js";
import { type BackupCheckOptions, ensureBackup, withBackupCheck, withoutBackup } from "../backup-check.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { type CommonOptions, runSession, type Session, withCommonOptions } from "../session.js";

interface Options extends CommonOptions, BackupCheckOptions {
  readonly dryRun?: boolean;
  readonly validateOnly?: boolean;
  readonly collection?: string[];
  readonly table?: string[];
  readonly priority?: Priority[];
  readonly pattern?: string;
  readonly batchSize?: number;
  readonly concurrency?: number;
  readonly rate?: number;
  readonly polite?: boolean;
  readonly resume?: boolean;
  readonly restart?: boolean;
  readonly maxRejects?: number;
  readonly continueOnError?: boolean;
  readonly rollback: boolean;
  readonly reverse?: boolean;
  readonly showKeys?: boolean;
}

export function backfillCommand(): Command {
  const command = new Command("backfill")
    .description(
      "Copies Redis to Postgres while traffic goes on. Can be killed at any time and run again; live writes win.",
    )
    .option("--dry-run", "tell exactly what would happen, with counts and samples; write nothing")
    .option("--validate-only", "decode every value, and compare or copy none")
    .option("--collection <names...>", "only these collections (default: all)")
    .option("--table <names...>", "only what goes into these tables")
    .addOption(
      new Option("--priority <names...>", "only collections of these").choices(["critical", "high", "medium", "low"]),
    )
    .option("--pattern <glob>", "only keys like this; no collection then counts as backfilled")
    .option("--batch-size <keys>", "keys of a page (default: 2000)", wholeNumber)
    .option("--concurrency <pages>", "pages worked on at once (default: 2)", wholeNumber)
    .option("--rate <keys>", "keys a second at most", wholeNumber)
    .option("--polite", "give way to everybody else's calls, which are watched all the while")
    .option("--resume", "go on where an earlier run stopped, or do nothing")
    .option("--restart", "begin anew where an earlier run could go on")
    .option("--max-rejects <values>", "fail when more than these are set aside (default: 1000)", wholeNumber)
    .option("--continue-on-error", "set aside whatever comes, without a limit")
    .option("--no-rollback", "keep what a run brought that failed; otherwise it is taken back")
    .option("--show-keys", "show keys in the samples instead of their hashes")
    .addHelpText(
      "after",
      "\nExits with 1 if values were set aside or the counts don't add up.\n\nExample:\n  $ dual-write backfill --dry-run && dual-write backfill --rate 5000",
    );
  // A copy of everything to Redis knows nothing of most options above: they must not be taken for heeded.
  const heeded = ["rate", "polite"];
  const others = command.options.map((option) => option.attributeName()).filter((name) => !heeded.includes(name));
  command.addOption(
    new Option("--reverse", "copy Postgres to Redis, while Postgres is the authority; all of it").conflicts(others),
  );
  return withCommonOptions(withBackupCheck(command)).action((options: Options) =>
    runSession(options, async (session) => {
      const given = backfillOptions(options);
      if (!options.reverse) session.migration.checkBackfill(given);
      if (!options.dryRun && !options.validateOnly) await askForBackup(session, options);
      return options.reverse ? reverse(session, options) : forward(session, given);
    }),
  );
}

async function askForBackup(session: Session, options: Options): Promise<void> {
  await ensureBackup(session, options, { redis: true, label: "before-backfill" });
  const reason = withoutBackup(options);
  if (reason !== null) await session.migration.goWithoutBackup({ reason });
}

function backfillOptions(options: Options): BackfillOptions {
  const { collection, table, priority, batchSize, maxRejects, continueOnError, reverse: _, ...rest } = options;
  return {
    ...rest,
    collections: collection,
    tables: table,
    priorities: priority,
    pageSize: batchSize,
    maxRejects: continueOnError ? Number.POSITIVE_INFINITY : maxRejects,
  };
}

async function forward({ migration, output, signal }: Session, options: BackfillOptions): Promise<number> {
  const report = await migration.backfill({
    ...options,
    signal,
    onProgress: ({ phase, scanned, total, rate, etaMs }) =>
      output.progress({ phase, done: scanned, total, rate, etaMs }),
  });
  output.result(report, backfillLines(report));
  return exitOf(report);
}

async function reverse({ migration, output, signal }: Session, { rate, polite }: Options): Promise<number> {
  const report = await migration.reverseBackfill({
    rate,
    polite,
    signal,
    onProgress: (progress) => output.progress(progress),
  });
  output.result(report, reverseLines(report));
  return EXIT.done;
}

function exitOf(report: BackfillReport): number {
  if (report.state === "stopped" || report.overflowed.length > 0) return EXIT.unfinished;
  return report.counts.setAside > 0 || !report.addsUp ? EXIT.findings : EXIT.done;
}
