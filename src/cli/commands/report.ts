/** `dual-write report`: the whole migration, from its decisions, its runs and its logs. */
import { dirname } from "node:path";
import { Command } from "commander";
import { checkPrivateFile, writePrivateFile } from "../../migration/html/private-file.js";
import type { MigrationReport } from "../../migration/report/report.js";
import { reportPage } from "../../migration/report/report-page.js";
import { EXIT } from "../exit-codes.js";
import { duration, table } from "../output.js";
import { defaultLogFile } from "../run-log.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly html?: string;
  readonly logs?: string;
}

export function reportCommand(): Command {
  const command = new Command("report")
    .description(
      "Tells the whole migration: who decided from when to when, backfills, verifies, differences, lag and latency, where it stands now.",
    )
    .option("--html <file>", "also write a page with pictures, readable only by you")
    .option("--logs <folder>", `the folder with the log files of earlier runs (default: ${LOGS})`)
    .addHelpText(
      "after",
      "\nExits with 1 if no store could tell anything.\n\nExample:\n  $ dual-write report --html report.html",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output }) => {
      if (options.html !== undefined) await checkPrivateFile(options.html);
      const report = await migration.report({ logs: options.logs ?? LOGS });
      output.result(report, lines(report));
      if (options.html !== undefined) {
        await writePrivateFile(options.html, reportPage(report));
        output.note(`The page is in ${options.html}.`);
      }
      return report.status.authority === null && report.decisions.length === 0 ? EXIT.findings : EXIT.done;
    }),
  );
}

/** Where runs leave their log files unless told otherwise. */
const LOGS = dirname(defaultLogFile("report"));

function lines({
  status,
  latency,
  reigns,
  strategies,
  backfills,
  verifies,
  divergences,
  decisions,
  logs,
  notes,
}: MigrationReport): string[] {
  const ms = (one: { readonly medianMs: number } | null) => (one === null ? "no answer" : `${one.medianMs} ms`);
  const met = divergences.reduce((sum, { count }) => sum + count, 0);
  const clean = verifies.filter((one) => one.clean).length;
  return [
    status.authority ? `The authority is ${status.authority} in term ${status.term}.` : "No authority is known.",
    `${status.processes.length} live processes; lag ${duration(status.lagMs)}; latency: Redis ${ms(latency.redis)}, Postgres ${ms(latency.postgres)}.`,
    "",
    "Authority:",
    ...reigns.map(
      ({ authority, term, from, to }) =>
        `  ${from?.toISOString() ?? "the beginning"} – ${to?.toISOString() ?? "now"}  ${authority}${term === null ? "" : `, term ${term}`}`,
    ),
    ...(strategies.length > 0 ? ["Strategy:"] : []),
    ...strategies.map(
      ({ strategy, from, to, forced, reason }) =>
        `  ${from.toISOString()} – ${to?.toISOString() ?? "now"}  ${strategy}${forced ? " (forced)" : ""}: ${reason}`,
    ),
    `${backfills.length} backfills, ${verifies.length} verifies of collections (${clean} clean), ${met} divergences in 30 days, ${decisions.length} decisions.`,
    ...(logs && logs.runs.length > 0
      ? table(
          ["begun", "command", "took", "exit"],
          logs.runs
            .slice(0, 20)
            .map((run) => [
              run.startedAt.toISOString(),
              run.command,
              run.elapsedMs === null ? "?" : duration(run.elapsedMs),
              run.exitCode ?? "?",
            ]),
        )
      : []),
    ...notes,
  ];
}
