/** What an exit code says, for scripts and schedulers. */
import { CommanderError } from "commander";
import { DualWriteError } from "../errors.js";

export const EXIT = {
  done: 0,
  /** It ran to its end and found something that a person should look at. */
  findings: 1,
  usage: 2,
  /** It could not finish; running it again goes on where it was. */
  unfinished: 3,
} as const;

const USAGE_CODES = ["CONFIGURATION", "VALIDATION"];
/** What refuses to go on for a reason that stands in the data or the fleet. */
const FINDING_CODES = ["GATE_REFUSED"];

export function exitCodeOf(error: unknown): number {
  // Help and version end that way too, with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (!(error instanceof DualWriteError)) return EXIT.unfinished;
  if (USAGE_CODES.includes(error.code)) return EXIT.usage;
  return FINDING_CODES.includes(error.code) ? EXIT.findings : EXIT.unfinished;
}
