#!/usr/bin/env node
/** Runs the command asked for and turns how it ended into an exit code. */
import { setFlagsFromString } from "node:v8";
import { CommanderError } from "commander";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { explain } from "./explain.js";
import { makeProgram } from "./program.js";

// A long run makes much garbage and keeps little: V8 would let some 60 MB of it stand before it looks.
setFlagsFromString("--heap-growing-percent=50");

// Whoever reads the output may have gone; that is no reason to stop. A result that can't be written for another reason isn't done.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  process.stderr.write(`The result can't be written to standard output: ${error.message}. Run it again.\n`);
  process.exit(EXIT.unfinished);
});
process.stderr.on("error", () => {});

try {
  await makeProgram().parseAsync();
} catch (error) {
  // Commander tells by itself what is wrong.
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
