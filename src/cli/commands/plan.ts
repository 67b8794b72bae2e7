/** `dual-write plan`: which keys go to which table, by which rules. */
import { Command } from "commander";
import { checkPrivateFile, writePrivateFile } from "../../migration/html/private-file.js";
import { mermaid } from "../../migration/plan/mermaid.js";
import { type MigrationPlan, plan } from "../../migration/plan/plan.js";
import { planPage } from "../../migration/plan/plan-page.js";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runAlone, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly mermaid?: boolean;
  readonly html?: string;
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description(
      "Shows which keys go to which table, by which rules and in which order, and what is left alone. Connects to nothing.",
    )
    .option("--mermaid", "as a Mermaid diagram")
    .option("--html <file>", "also write a page with a diagram, readable only by you")
    .addHelpText("after", "\nExample:\n  $ dual-write plan --html plan.html");
  return withCommonOptions(command).action((options: Options) =>
    runAlone(options, async ({ connections, output }) => {
      if (options.html !== undefined) await checkPrivateFile(options.html);
      const made = plan(connections);
      output.result(made, options.mermaid ? [mermaid(made).trimEnd()] : lines(made));
      if (options.html !== undefined) {
        await writePrivateFile(options.html, planPage(made));
        output.note(`The page is in ${options.html}.`);
      }
      return EXIT.done;
    }),
  );
}

function lines({ steps, ignored, prefix, zone }: MigrationPlan): string[] {
  return [
    `Legacy keys begin with "${prefix}"; date-times without a zone are ${zone}.`,
    ...steps.flatMap((step) => [
      "",
      `${step.order}. ${step.collection} (${step.priority}) → table ${step.table}${step.dependsOn.length > 0 ? `, after ${step.dependsOn.join(", ")}` : ""}`,
      ...step.patterns.flatMap(({ pattern, example, expiry }) => [
        `   ${pattern}${example ? `   such as ${example.key} → ${example.id}` : ""}`,
        `      expiry: ${expiry}`,
      ]),
      `   columns: ${step.columns.map(({ name }) => name).join(", ")}`,
      ...step.rules.map((rule) => `   - ${rule}`),
    ]),
    "",
    "Left alone:",
    ...ignored.map(({ what, patterns, why }) => `   ${what}: ${patterns.join(" ")}\n      ${why}`),
    "",
    "One backfill takes all of it in a single pass. Separate runs go in the order of the numbers.",
  ];
}
