/** `dual-write give-up-redis` and `take-redis-back`: the last step, and the first of the way back. */
import { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly reason: string;
}

export function giveUpRedisCommand(): Command {
  const command = new Command("give-up-redis")
    .description(
      "Ends the remembering for Redis, once every process runs at POSTGRES_ONLY. Redis can be stopped afterwards.",
    )
    .requiredOption("--reason <text>", "why; kept with the decision")
    .addHelpText("after", '\nExample:\n  $ dual-write give-up-redis --reason "four quiet weeks at POSTGRES_ONLY"');
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output }) => {
      await migration.giveUpRedis({ reason: options.reason });
      output.result({ redisGivenUp: true }, [
        "Redis is given up: nothing is remembered for it any more, and it can be stopped.",
      ]);
      return EXIT.done;
    }),
  );
}

export function takeRedisBackCommand(): Command {
  const command = new Command("take-redis-back")
    .description("Copies everything from Postgres into an emptied Redis and keeps it up to date from then on.")
    .requiredOption("--reason <text>", "why; kept with the decision")
    .addHelpText("after", '\nExample:\n  $ dual-write take-redis-back --reason "rolling back to POSTGRES_PRIMARY"');
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output, signal }) => {
      await migration.takeRedisBack({ reason: options.reason, signal });
      output.result({ redisGivenUp: false }, [
        "Redis holds everything again. Processes may be restarted at POSTGRES_PRIMARY.",
      ]);
      return EXIT.done;
    }),
  );
}
