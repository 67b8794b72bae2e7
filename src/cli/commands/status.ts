/** `dual-write status`: where the migration stands. */
import { Command } from "commander";
import { rest } from "../../migration/run/pace.js";
import type { MigrationStatus } from "../../migration/status/status.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { type CommonOptions, runSession, type Session, withCommonOptions } from "../session.js";
import { statusLines } from "../status-lines.js";

interface Options extends CommonOptions {
  readonly watch?: boolean;
  readonly interval: number;
}

export function statusCommand(): Command {
  const command = new Command("status")
    .description(
      "Shows processes, term, gate, lag, repair logs, divergences, rejects, the last runs, table sizes and Redis memory.",
    )
    .option("--watch", "show it again and again until Ctrl-C, in place on a terminal, else one after another")
    .option("--interval <seconds>", "how often", wholeNumber, 2)
    .addHelpText(
      "after",
      "\nExits with 1 if a store doesn't answer, no authority is known, or something waits for a person; with --watch always with 0.\n\nExamples:\n  $ dual-write status --json\n  $ dual-write status --watch --interval 5",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async (session) => {
      if (options.watch) return watch(session, options.interval * 1000);
      const status = await session.migration.status();
      session.output.result(status, statusLines(status));
      return needsAttention(status) ? EXIT.findings : EXIT.done;
    }),
  );
}

async function watch({ migration, output, signal }: Session, intervalMs: number): Promise<number> {
  while (!signal.aborted) {
    const status = await migration.status();
    output.refresh(status, [`${new Date().toISOString()}   (Ctrl-C ends)`, ...statusLines(status)]);
    await rest(intervalMs, signal).catch(() => {});
  }
  return EXIT.done;
}

function needsAttention(status: MigrationStatus): boolean {
  const away = Object.values(status.stores).some((store) => store !== null && !store.reachable);
  const collections = Object.values(status.collections);
  const open = collections.some((one) => one.rejects > 0 || Object.keys(one.divergences).length > 0);
  return away || status.authority === null || open;
}
