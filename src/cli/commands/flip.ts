/** `dual-write flip`: moves the fleet to the strategy before or after its present one. */
import { Argument, Command } from "commander";
import { type GateCheck, GateRefusedError } from "../../errors.js";
import type { FlipOptions, FlipReport } from "../../migration/flip/flip-options.js";
import { OLD_SIDE } from "../../strategy/gate.js";
import { type StrategyName, strategyNames } from "../../strategy/strategies.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, type Session, withCommonOptions } from "../session.js";

export interface FlipFlags extends CommonOptions {
  readonly strategyFile?: string;
  readonly variable: string;
  readonly reason?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly timeout: number;
  /** False: `--no-wait`. */
  readonly wait: boolean;
}

export function flipCommand(): Command {
  const command = new Command("flip")
    .description(
      "Moves the fleet to a neighbouring strategy: asks the gate, tells the processes, waits until all have crossed.",
    )
    .addArgument(new Argument("<strategy>", "the strategy to follow").choices(strategyNames))
    .addHelpText(
      "after",
      `${FLIP_HELP}\n\nExample:\n  $ dual-write flip DUAL_WRITE --dry-run\n  $ dual-write flip DUAL_WRITE --strategy-file /etc/app/strategy --reason "week 2"`,
    );
  return withCommonOptions(withFlipOptions(command)).action((strategy: StrategyName, flags: FlipFlags) =>
    runSession(flags, (session) => runFlip(session, flags, (options) => session.migration.flip(strategy, options))),
  );
}

/** What `flip` and `rollback` take. */
export function withFlipOptions(command: Command): Command {
  return command
    .option("--strategy-file <file>", "the file that the processes follow (fromFile); it is changed in one step")
    .option("--variable <name>", "the variable that they take their strategy from (fromEnv)", "DUAL_WRITE_STRATEGY")
    .option("--reason <text>", "why; kept with the decision")
    .option("--force", "pass although checks of the gate fail; needs --reason")
    .option("--dry-run", "show the gate and the steps; change nothing")
    .option("--timeout <seconds>", "how long to wait for the fleet", wholeNumber, 600)
    .option("--no-wait", "tell the processes and don't wait for them");
}

export const FLIP_HELP = `
Exits with 1 if the gate refuses; then nothing was changed. Exits with 3 if the fleet hasn't crossed in time: the decision stands,
and the fleet goes on by itself. Run it again to go on waiting.`;

/** Runs either command and shows what became of it. */
export async function runFlip(
  { output, signal }: Session,
  flags: FlipFlags,
  run: (options: FlipOptions) => Promise<FlipReport>,
): Promise<number> {
  try {
    const report = await run({
      reason: flags.reason,
      force: flags.force,
      dryRun: flags.dryRun,
      strategyFile: flags.strategyFile,
      variable: flags.variable,
      timeoutMs: flags.wait ? flags.timeout * 1000 : 0,
      signal,
      onProgress: ({ crossed, waitingFor }) => {
        if (waitingFor) output.note(`${crossed.length} crossed. Waiting for ${waitingFor}.`);
      },
      onSteps: (steps) => output.note(steps.map(({ text }, i) => `${i + 1}. ${text}`).join("\n")),
      onCopied: (copied) =>
        output.progress({ phase: "copy to Redis", done: copied, total: copied, rate: 0, etaMs: null }),
    });
    output.result(report, reportLines(report));
    if (report.state === "planned") return report.passes ? EXIT.done : EXIT.findings;
    return report.state === "done" || !flags.wait ? EXIT.done : EXIT.unfinished;
  } catch (error) {
    if (!(error instanceof GateRefusedError)) throw error;
    output.result({ state: "refused", gate: error.checks }, [
      ...gateLines(error.checks),
      "Nothing was changed. Traffic goes on under the present authority.",
    ]);
    return EXIT.findings;
  }
}

function reportLines(report: FlipReport): string[] {
  const { from, to, moves, gate, steps, state, authority, term, elapsedMs } = report;
  return [
    `${from.join(" and ") || "No live process"} → ${to}: ${moves ? `the authority moves to ${moves}` : "the authority stays where it is"}.`,
    ...gateLines(gate),
    ...(state === "planned"
      ? ["These steps would be taken:", ...steps.map(({ text }, i) => `  ${i + 1}. ${text}`)]
      : []),
    ...(report.forced ? [`Forced: what the failed checks name is at your risk.`] : []),
    ...(report.recorded || state === "planned" ? [] : ["Postgres didn't answer, so the decision isn't in its list."]),
    authority ? `The authority is ${authority} in term ${term}.` : "The authority is being moved.",
    ...(state === "done" ? [`${report.crossed.length} processes follow ${to}, after ${duration(elapsedMs)}.`] : []),
    ...(state === "waiting" ? [`Not done yet. Waiting for ${report.waitingFor}.`] : []),
  ];
}

/** The checks, and what to do about those that failed. Processes that are still to cross are waited for: that is no failure. */
export function gateLines(gate: readonly GateCheck[]): string[] {
  if (gate.length === 0) return [];
  const failed = gate.filter(({ passed, name }) => !passed && name !== OLD_SIDE);
  const word = ({ passed, name }: GateCheck) => (passed ? "passed" : name === OLD_SIDE ? "awaited" : "FAILED");
  return [
    failed.length === 0 ? "The gate passes." : `The gate refuses: ${failed.length} of ${gate.length} checks failed.`,
    ...table(
      ["  check", "", "figure"],
      gate.map((check) => [`  ${check.name}`, word(check), check.figure]),
    ),
    ...failed.map(({ name, remedy }) => `  ${name}: ${remedy}`),
  ];
}
