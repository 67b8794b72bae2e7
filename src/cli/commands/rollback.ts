/** `dual-write rollback`: moves the fleet to the stage before. */
import { Command } from "commander";
import { runSession, withCommonOptions } from "../session.js";
import { FLIP_HELP, type FlipFlags, runFlip, withFlipOptions } from "./flip.js";

export function rollbackCommand(): Command {
  const command = new Command("rollback")
    .description(
      "Moves the fleet to the stage before. What Redis must have then is copied first, all of it if Redis was given up.",
    )
    .addHelpText(
      "after",
      `${FLIP_HELP}\n\nExample:\n  $ dual-write rollback --strategy-file /etc/app/strategy --reason "checkout is slow"`,
    );
  return withCommonOptions(withFlipOptions(command)).action((flags: FlipFlags) =>
    runSession(flags, (session) => runFlip(session, flags, (options) => session.migration.rollback(options))),
  );
}
