/** `dual-write restore`: brings a backup back. */
import { Command, Option } from "commander";
import type { RestoreReport } from "../../migration/backup/restore.js";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly only?: "redis" | "postgres";
  readonly redisBy?: "keys" | "rdb";
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export function restoreCommand(): Command {
  const command = new Command("restore")
    .description("Brings a backup back into an empty Redis and an empty database, after checking all of it.")
    .argument("<folder>", "the backup's folder")
    .addOption(new Option("--only <store>", "only this store").choices(["redis", "postgres"]))
    .addOption(
      new Option(
        "--redis-by <file>",
        "from which file Redis is read: keys, the portable one, or rdb, all of one moment, by a redis-server on the PATH",
      )
        .choices(["keys", "rdb"])
        .default("keys"),
    )
    .option("--force", "remove what stands there first")
    .option("--dry-run", "say what it would do, and do nothing")
    .addHelpText(
      "after",
      "\nRefused while processes use the stores.\n\nExample:\n  $ dual-write restore .dual-write/backups/nightly-20261121T030000Z --dry-run",
    );
  return withCommonOptions(command).action((folder: string, options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      const report = await migration.restore({
        backup: folder,
        only: options.only,
        redisBy: options.redisBy,
        force: options.force,
        dryRun: options.dryRun,
        signal,
        onPlan: (steps) => output.note(steps.join("\n")),
        onProgress: (progress) => output.progress(progress),
      });
      output.result(report, lines(report));
      return EXIT.done;
    }),
  );
}

function lines({ done, steps, redis, postgres }: RestoreReport): string[] {
  if (!done) return ["It would do this:", ...steps];
  return [
    ...(postgres
      ? [postgres.rows === null ? "Postgres is restored." : `Postgres has ${postgres.rows} rows again.`]
      : []),
    ...(redis
      ? [
          `Redis has ${redis.keys} keys again; ${redis.expired === null ? "what had expired was left out" : `${redis.expired} had expired`}.`,
        ]
      : []),
    "Run `dual-write verify --repair` before traffic comes back: the two stores were read one after the other.",
  ];
}
