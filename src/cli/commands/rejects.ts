/** `dual-write rejects`: what was set aside, to look at, to send again, or to let go. */
import { open, rm } from "node:fs/promises";
import { Command } from "commander";
import { ConfigurationError } from "../../errors.js";
import type { RejectValue } from "../../migration/rejects/rejects.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly collection?: string;
  readonly showKeys?: boolean;
  readonly limit?: number;
  readonly to?: string;
  readonly reason?: string;
}

export function rejectsCommand(): Command {
  return new Command("rejects")
    .description("What isn't as its collection allows, and was set aside with its reason.")
    .addHelpText("after", "\nExample:\n  $ dual-write rejects list")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(exportCommand())
    .addCommand(retryCommand())
    .addCommand(dropCommand());
}

function listCommand(): Command {
  const command = new Command("list")
    .description("Lists them, the oldest first.")
    .option("--collection <name>", "only of this collection")
    .option("--limit <rows>", "so many at most (default: 50)", wholeNumber)
    .option("--show-keys", "show keys instead of their hashes")
    .addHelpText(
      "after",
      "\nExits with 1 if there are any.\n\nExample:\n  $ dual-write rejects list --collection users",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const limit = options.limit ?? 50;
      const shown: Omit<RejectValue, "value">[] = [];
      let isMore = false;
      for await (const { value: _, ...entry } of migration.rejects({ ...options, signal })) {
        if (shown.length === limit) {
          isMore = true;
          break;
        }
        shown.push(entry);
      }
      output.result({ rejects: shown, more: isMore }, [
        ...(shown.length === 0
          ? ["Nothing is set aside."]
          : table(
              ["row", "collection", "key", "source", "tries", "bytes", "since", "reason"],
              shown.map((one) => [
                one.row,
                one.collection,
                one.key,
                one.source,
                one.attempts,
                one.bytes ?? "-",
                one.firstSeen.toISOString(),
                one.reason,
              ]),
            )),
        ...(isMore ? ["There are more: give a higher --limit, or export them."] : []),
      ]);
      return shown.length > 0 ? EXIT.findings : EXIT.done;
    }),
  );
}

function showCommand(): Command {
  const command = new Command("show")
    .description("Shows one with its key and the bytes that were refused.")
    .argument("<row>", "its number, as the list shows it", wholeNumber)
    .addHelpText("after", "\nExample:\n  $ dual-write rejects show 17");
  return withCommonOptions(command).action((row: number, options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      for await (const reject of migration.rejects({ rows: [row], showKeys: true, signal })) {
        const json = forJson(reject);
        output.result(
          json,
          Object.entries(json).map(([name, value]) => `${name}: ${value ?? "-"}`),
        );
        return EXIT.done;
      }
      output.result(null, [`There is no row ${row} on the list.`]);
      return EXIT.findings;
    }),
  );
}

function exportCommand(): Command {
  const command = new Command("export")
    .description("Writes all of them, keys and bytes too, as lines of JSON into a new file for its owner only.")
    .requiredOption("--to <file>", "the file; it must not be there yet")
    .option("--collection <name>", "only of this collection")
    .addHelpText("after", "\nExample:\n  $ dual-write rejects export --to rejects.jsonl");
  return withCommonOptions(command).action((options: Options & { readonly to: string }) =>
    runSession(options, async ({ migration, output, signal }) => {
      const rows = await writeRejects(
        options.to,
        migration.rejects({ collection: options.collection, showKeys: true, signal }),
      );
      output.result({ file: options.to, rows }, [`${rows} rows in ${options.to}.`]);
      return EXIT.done;
    }),
  );
}

/** Whole or not at all, so that it can be run again. @throws ConfigurationError when the file can't be made */
async function writeRejects(path: string, rejects: AsyncIterable<RejectValue>): Promise<number> {
  const file = await open(path, "wx", 0o600).catch((cause: Error) => {
    throw new ConfigurationError([{ path: "--to", message: `can't be written: ${cause.message}` }], { cause });
  });
  let rows = 0;
  try {
    for await (const reject of rejects) {
      await file.write(`${JSON.stringify(forJson(reject))}\n`);
      rows++;
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return rows;
}

function retryCommand(): Command {
  const command = new Command("retry")
    .description("Sends what stands under their keys now once more, after what was wrong has been put right.")
    .argument("[rows...]", "numbers, as the list shows them (default: all)", rowNumbers, [])
    .option("--collection <name>", "only of this collection")
    .addHelpText("after", "\nExits with 1 if any stay on the list.\n\nExample:\n  $ dual-write rejects retry 17 18");
  return withCommonOptions(command).action((rows: number[], options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.retryRejects({
        collection: options.collection,
        rows: rows.length > 0 ? rows : undefined,
        signal,
      });
      output.result(report, [
        `${report.sent} sent, ${report.gone} gone since; ${report.refused} refused again, ${report.waiting} wait, ${report.notRetried} can only be looked at by a backfill.`,
      ]);
      return report.refused + report.waiting + report.notRetried > 0 ? EXIT.findings : EXIT.done;
    }),
  );
}

function dropCommand(): Command {
  const command = new Command("drop")
    .description("Takes them off the list; in the stores nothing changes. A verify goes on telling what differs.")
    .argument("<rows...>", "numbers, as the list shows them", rowNumbers, [])
    .requiredOption("--reason <text>", "why; kept with the decisions")
    .addHelpText("after", '\nExample:\n  $ dual-write rejects drop 17 --reason "a test account"');
  return withCommonOptions(command).action((rows: number[], options: Options & { readonly reason: string }) =>
    runSession(options, async ({ migration, output }) => {
      const dropped = await migration.dropRejects({ rows, reason: options.reason });
      output.result({ dropped }, [`${dropped} taken off the list.`]);
      return dropped === rows.length ? EXIT.done : EXIT.findings;
    }),
  );
}

function rowNumbers(text: string, before: readonly number[]): number[] {
  return [...before, wholeNumber(text)];
}

/** Text where it is text. */
function forJson({ value, ...entry }: RejectValue): Record<string, unknown> {
  const text = value?.toString();
  const isText = value !== null && Buffer.from(text as string).equals(value);
  return {
    ...entry,
    ...(isText || value === null ? { value: text ?? null } : { valueBase64: value.toString("base64") }),
  };
}
