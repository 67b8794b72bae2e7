/** `dual-write verify`: compares all of both stores, both ways. */
import { Command } from "commander";
import type { VerifyReport } from "../../migration/verify/verify.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly collection?: string[];
  readonly repair?: boolean;
  readonly showKeys?: boolean;
  readonly rate?: number;
}

export function verifyCommand(): Command {
  const command = new Command("verify")
    .description(
      "Compares both stores both ways while traffic goes on, and looks twice. A clean one is the gate's evidence.",
    )
    .option("--collection <names...>", "only these collections (default: all)")
    .option("--repair", "make the mirror equal to the authority where they differ")
    .option("--show-keys", "show keys in the examples instead of their hashes")
    .option("--rate <keys>", "keys and rows a second at most", wholeNumber)
    .addHelpText(
      "after",
      "\nExits with 1 if there are differences. After a repair, verify again.\n\nExample:\n  $ dual-write verify --repair && dual-write verify",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.verify({
        collections: options.collection,
        repair: options.repair,
        showKeys: options.showKeys,
        rate: options.rate,
        signal,
        onProgress: (progress) => output.progress(progress),
      });
      output.result(report, lines(report));
      return report.clean ? EXIT.done : EXIT.findings;
    }),
  );
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
    ...report.examples.map((example) => `${example.kind}: ${example.collection} ${example.key}`),
    report.clean
      ? "Both stores agree."
      : `Differences: ${kinds.join(", ")}${report.repaired > 0 ? `; ${report.repaired} repaired, verify again` : ""}.`,
  ];
}
