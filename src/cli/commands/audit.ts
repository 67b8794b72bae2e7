/** `dual-write audit`: what stands in Redis, before anything is done to it. */
import { Command } from "commander";
import { audit } from "../../migration/audit/audit.js";
import { memoryText } from "../../migration/audit/audit-lines.js";
import { auditPage } from "../../migration/audit/audit-page.js";
import type { AuditReport } from "../../migration/audit/audit-report.js";
import { bytes, count } from "../../migration/html/figures.js";
import { checkPrivateFile, writePrivateFile } from "../../migration/html/private-file.js";
import { EXIT } from "../exit-codes.js";
import { byteSize, wholeNumber, wholeNumberFromZero } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runAlone, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly html?: string;
  readonly rate?: number;
  readonly polite?: boolean;
  readonly batchSize?: number;
  readonly sample?: number;
  readonly top?: number;
  readonly checkValues?: boolean;
  readonly showPersonal?: boolean;
  readonly maxGrants?: number;
  readonly maxMemory?: number;
  /** False: `--no-require`. */
  readonly require?: string[] | false;
  readonly backfillRate?: number;
}

export function auditCommand(): Command {
  const command = new Command("audit")
    .description(
      "Looks at every key of Redis and changes nothing: patterns, memory, expiry, odd keys, keys of other libraries, premium grants. A replica will do; Postgres isn't needed.",
    )
    .option("--html <file>", "also write a page with pictures, readable only by you")
    .option("--rate <keys>", "keys a second at most (default: as fast as Redis can without suffering)", wholeNumber)
    .option("--polite", "give way to everybody else's calls, which are watched all the while")
    .option("--batch-size <keys>", "keys of a page", wholeNumber)
    .option("--sample <keys>", "keys whose memory is measured, about (default: 10000)", wholeNumberFromZero)
    .option("--top <keys>", "how many of the largest and oldest keys are named (default: 20)", wholeNumberFromZero)
    .option("--check-values", "read the values of all collections, not only of the critical ones")
    .option("--show-personal", "show keys as they are, with the emails, addresses and tokens in them")
    .option("--max-grants <grants>", "stop above so many premium grants (default: 50000)", wholeNumberFromZero)
    .option("--max-memory <size>", "stop above so much used memory, such as 500MB (default: 2GB)", byteSize)
    .option(
      "--require <patterns...>",
      "stop unless there are keys of each (default: the critical collections' patterns)",
    )
    .option("--no-require", "don't stop for a pattern without keys")
    .option(
      "--backfill-rate <keys>",
      "keys a second that a backfill copies here (default: the pace of the audit itself)",
      wholeNumber,
    )
    .addHelpText(
      "after",
      "\nExits with 1 if a stop condition holds: too many premium grants, too much memory, a critical pattern without a key.\n\nExample:\n  $ dual-write audit --redis-url redis://replica:6379 --rate 20000 --html audit.html",
    );
  return withCommonOptions(command).action((options: Options) =>
    runAlone(options, async ({ connections, output, signal }) => {
      if (options.html !== undefined) await checkPrivateFile(options.html);
      const report = await audit(connections.redis, {
        keyPrefix: connections.keyPrefix,
        zone: connections.zone,
        collections: connections.collections,
        rate: options.rate,
        polite: options.polite,
        pageSize: options.batchSize,
        sample: options.sample,
        top: options.top,
        checkValues: options.checkValues,
        showPersonal: options.showPersonal,
        maxGrants: options.maxGrants,
        maxMemory: options.maxMemory,
        required: options.require === false ? [] : options.require,
        backfillRate: options.backfillRate,
        signal,
        onProgress: (progress) => output.progress(progress),
      });
      output.result(report, lines(report));
      if (options.html !== undefined) {
        await writePrivateFile(options.html, auditPage(report));
        output.note(`The page is in ${options.html}.`);
      }
      if (report.state === "stopped") return EXIT.unfinished;
      return report.stopConditions.every(({ passed }) => passed) ? EXIT.done : EXIT.findings;
    }),
  );
}

function lines(report: AuditReport): string[] {
  const { keys, premiumGrants: grants, backfill } = report;
  return [
    `${report.state === "stopped" ? "Stopped: what follows holds for a part only. " : ""}${count(keys.distinct)} keys in ${duration(report.elapsedMs)}; about ${memoryText(report.memory)}; ${count(report.odd)} odd.`,
    "",
    ...table(
      ["pattern", "priority", "goes to", "keys", "memory", "no expiry", "odd"],
      report.patterns.map((one) => [
        one.pattern,
        one.priority ?? "",
        one.table ?? one.foreign?.library ?? one.role,
        count(one.keys),
        memoryText(one.memory),
        count(one.ttl["no expiry"]),
        count(one.odd.reduce((sum, odd) => sum + odd.keys, 0)),
      ]),
    ),
    "",
    `By table: ${figures(report.targets)}`,
    `By priority: ${figures(report.priorities)}`,
    `Time left: ${figures(report.ttl)}`,
    `Premium grants: ${count(grants.active)} active, ${count(grants.expired)} expired${grants.endUnknown > 0 ? `, ${count(grants.endUnknown)} without a known end` : ""}${grants.unreadable > 0 ? `, ${count(grants.unreadable)} keys unreadable` : ""}`,
    `Backfill: about ${duration(backfill.expectedMs)} for ${count(backfill.keys)} keys at ${count(backfill.keysPerSecond)} a second (${backfill.source})`,
    ...report.patterns.flatMap(({ pattern, odd }) =>
      odd.map(({ reason, keys: n, examples }) => `odd: ${count(n)} ${pattern}: ${reason} (${examples[0]})`),
    ),
    ...report.patterns.flatMap(({ pattern, foreign, keys: n }) =>
      foreign
        ? [
            `${foreign.mustMove ? "MUST MOVE" : "note"}: ${count(n)} ${pattern} of ${foreign.library}: ${foreign.advice}`,
          ]
        : [],
    ),
    ...report.largest
      .slice(0, 5)
      .map(({ label, bytes: size }) => `large: ${label}${size === null ? "" : `, ${bytes(size)}`}`),
    ...report.notes,
    ...report.stopConditions.map(
      ({ name, passed, figure, remedy }) =>
        `${passed ? "passes" : "STOPS "}: ${name}: ${figure}${passed ? "" : `. ${remedy}`}`,
    ),
  ];
}

function figures(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, n]) => `${name} ${count(n)}`)
    .join(" · ");
}
