/** Every command that does something, with its full name and its help as a terminal shows it. */
import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.js";

export interface AnyCommand {
  /** Such as `backfill`, or `rejects list`. */
  readonly name: string;
  readonly help: string;
  readonly options: readonly string[];
}

export function allCommands(): AnyCommand[] {
  return makeProgram().commands.flatMap((command) => below(command, command.name()));
}

function below(command: Command, name: string): AnyCommand[] {
  if (command.commands.length > 0) return command.commands.flatMap((sub) => below(sub, `${name} ${sub.name()}`));
  return [{ name, help: helpOf(command), options: command.options.map((option) => option.long ?? "") }];
}

/** With what `addHelpText` adds, which `helpInformation` leaves out. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 120,
  });
  command.outputHelp();
  return text;
}
