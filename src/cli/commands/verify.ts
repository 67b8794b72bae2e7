/** `dual-write verify`: compares all of both stores, both ways. */
import { Command, InvalidArgumentError } from "commander";
import type { AccessAnswer } from "../../migration/verify/access-answers.js";
import type { Example } from "../../migration/verify/findings.js";
import type { Sample } from "../../migration/verify/sample.js";
import type { VerifyProgress, VerifyReport } from "../../migration/verify/verify.js";
import type { WatchOptions } from "../../migration/verify/watch.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, type Session, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly collection?: string[];
  readonly sample?: Sample;
  readonly repair?: boolean;
  readonly watch?: boolean;
  readonly interval: number;
  readonly showKeys?: boolean;
  readonly rate?: number;
  readonly polite?: boolean;
}

/** Open differences that are shown. */
const SHOWN = 20;

export function verifyCommand(): Command {
  const command = new Command("verify")
    .description(
      "Compares both stores both ways while traffic goes on, and looks twice. A clean one is the gate's evidence.",
    )
    .option("--collection <names...>", "only these collections (default: all)")
    .option("--sample <size>", "only some, others each time: 5%, or 1000 at most; no evidence for the gate", sampleSize)
    .option("--repair", "make the mirror equal to the authority where they differ")
    .option("--watch", "again and again until Ctrl-C, with the age of each difference; in place on a terminal")
    .option("--interval <seconds>", "between two rounds of --watch", wholeNumber, 60)
    .option("--show-keys", "show keys in the examples instead of their hashes")
    .option("--rate <keys>", "keys and rows a second at most", wholeNumber)
    .option("--polite", "give way to everybody else's calls, which are watched all the while")
    .addHelpText(
      "after",
      "\nExits with 1 if there are differences. After a repair, verify again. With --watch always with 0.\n\nExample:\n  $ dual-write verify --repair && dual-write verify",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async (session) => {
      const { migration, output, signal } = session;
      const asked = {
        collections: options.collection,
        sample: options.sample,
        repair: options.repair,
        showKeys: options.showKeys,
        rate: options.rate,
        polite: options.polite,
        signal,
        onProgress: (progress: VerifyProgress) => output.progress(progress),
      };
      if (options.watch) return watch(session, { ...asked, intervalMs: options.interval * 1000 });
      const report = await migration.verify(asked);
      output.result(report, lines(report));
      return report.clean ? EXIT.done : EXIT.findings;
    }),
  );
}

async function watch({ migration, output, signal }: Session, options: WatchOptions): Promise<number> {
  try {
    for await (const round of migration.watchVerify(options)) {
      output.end();
      const open = round.open.slice(0, SHOWN).map((one) => `open for ${duration(one.ageMs)}: ${named(one)}`);
      output.refresh(round, [
        `${round.at.toISOString()}   (Ctrl-C ends)`,
        ...lines({ ...round, examples: [] }),
        ...open,
      ]);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  output.end();
  return EXIT.done;
}

/** @throws InvalidArgumentError */
function sampleSize(text: string): Sample {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) > 0) return { records: Number(text) };
  const share = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) / 100 : Number.NaN;
  if (!(share > 0 && share <= 1))
    throw new InvalidArgumentError("It must be a share such as 5% or a number such as 1000.");
  return { share };
}

function lines(report: VerifyReport): string[] {
  const kinds = Object.entries(report.differences).map(([kind, count]) => `${count} ${kind}`);
  const rows = Object.entries(report.collections).map(([name, one]) => [
    name,
    one.compared,
    Object.entries(one.differences)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ") || "none",
    one.passing,
    one.setAside,
    one.repaired,
  ]);
  return [
    `Compared ${report.compared} in ${duration(report.elapsedMs)}; the authority is ${report.authority} in term ${report.term}.`,
    ...table(["", "compared", "differences", "passing", "set aside", "repaired"], rows),
    ...Object.entries(report.collections).flatMap(([name, { setAsideReasons }]) =>
      Object.entries(setAsideReasons).map(([reason, count]) => `${name}: ${count} set aside: ${reason}`),
    ),
    ...report.examples.map(named),
    ...Object.entries(report.orphans).flatMap(([name, { count, examples }]) =>
      count === 0 ? [] : [`${name}: ${count} without a user, such as ${examples.join(", ")}`],
    ),
    ...accessLines(report.access),
    ...(report.sample === null ? [] : ["Only a sample was compared: no evidence for the gate."]),
    report.clean
      ? `Both stores agree${report.sample === null ? "" : ", as far as the sample goes"}.`
      : `Differences: ${kinds.join(", ")}${report.repaired > 0 ? `; ${report.repaired} repaired, verify again` : ""}.`,
  ];
}

function named({ kind, collection, key }: Example): string {
  return `${kind}: ${collection} ${key}`;
}

function accessLines({ asked, differing, examples }: VerifyReport["access"]): string[] {
  if (differing === 0) return [];
  return [
    `The answer to "has this person access?" differs for ${differing} of ${asked} holders:`,
    ...examples.map(({ holder, redis, postgres }) => `  ${holder}: Redis ${said(redis)}, Postgres ${said(postgres)}`),
  ];
}

function said(answer: AccessAnswer): string {
  if (answer === "undecided") return "can't tell";
  return `${answer.hasAccess ? "yes" : "no"} (${answer.status}, tier ${answer.tierLevel})`;
}
