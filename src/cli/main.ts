#!/usr/bin/env node
/** Runs the command asked for and turns how it ended into an exit code. */
import { CommanderError } from "commander";
import { exitCodeOf } from "./exit-codes.js";
import { explain } from "./explain.js";
import { makeProgram } from "./program.js";

// Whoever reads the output may have gone; that is no reason to stop.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await makeProgram().parseAsync();
} catch (error) {
  // Commander tells by itself what is wrong.
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
