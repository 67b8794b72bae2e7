/** `dual-write phase-out`: the plan week by week, and its end. */
import { Command, InvalidArgumentError } from "commander";
import { type GateCheck, GateRefusedError } from "../../errors.js";
import { CHECKLIST, findLeftovers, type Leftover } from "../../migration/phase-out/leftovers.js";
import type { PhaseOutReport } from "../../migration/phase-out/phase-out.js";
import type { PhaseOutPlan } from "../../migration/phase-out/phase-out-plan.js";
import { EXIT } from "../exit-codes.js";
import { wholeNumber } from "../numbers.js";
import { table } from "../output.js";
import { type CommonOptions, runSession, type Session, withCommonOptions } from "../session.js";
import { gateLines } from "./flip.js";

interface Options extends CommonOptions {
  readonly start?: Date;
  readonly finish?: boolean;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly observe: number;
  readonly project: string;
}

export function phaseOutCommand(): Command {
  const command = new Command("phase-out")
    .description(
      "Shows the plan week by week and where it stands. With --finish: gives Redis up, removes what the library left there, and shows that nobody uses it any more.",
    )
    .option("--start <date>", "the plan's first day (default: that of the first decision, or today)", date)
    .option("--finish", "do the last step, once every process runs at the last strategy")
    .option("--reason <text>", "why; kept with the decision")
    .option("--dry-run", "with --finish: show the checks and the evidence; change nothing")
    .option("--observe <seconds>", "how long commands on Redis are counted", wholeNumber, 60)
    .option("--project <folder>", "where to look for files that still name Redis", ".")
    .addHelpText(
      "after",
      `
The plan exits with 1 if a week is late. --finish exits with 1 if it is refused, or if somebody still uses Redis; run it again then.

Example:
  $ dual-write phase-out --start 2027-01-11
  $ dual-write phase-out --finish --reason "four quiet weeks" --observe 3600`,
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, (session) => (options.finish ? finish(session, options) : showPlan(session, options))),
  );
}

function date(text: string): Date {
  const parsed = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(parsed.getTime()))
    throw new InvalidArgumentError("Give a date as 2027-01-31.");
  return parsed;
}

async function showPlan({ migration, output }: Session, { start }: Options): Promise<number> {
  const plan = await migration.phaseOutPlan({ start });
  output.result(plan, planLines(plan));
  return plan.weeks.some(({ late }) => late) ? EXIT.findings : EXIT.done;
}

function planLines({ weeks }: PhaseOutPlan): string[] {
  return weeks.flatMap(({ week, from, until, state, late, title, commands, waitsFor }) => [
    `Week ${week}, ${day(from)} to ${day(new Date(until.getTime() - 1))}, ${late ? "LATE" : state}: ${title}.`,
    ...waitsFor.map(({ name, passed, figure }) => `  [${passed ? "x" : " "}] ${name}: ${figure}`),
    ...(state === "now" ? waitsFor.filter(({ passed }) => !passed).map(({ remedy }) => `      ${remedy}`) : []),
    ...(state === "done" ? [] : [`  dual-write ${commands.join(", ")}`]),
  ]);
}

async function finish({ migration, output, signal }: Session, options: Options): Promise<number> {
  const { reason, dryRun, observe, project } = options;
  const leftovers = await findLeftovers(project);
  try {
    const report = await migration.phaseOut({
      ...{ reason, dryRun, signal, observeMs: observe * 1000 },
      onProgress: (progress) => output.progress(progress),
      onStep: (text) => output.note(text),
    });
    output.result({ ...report, leftovers, checklist: CHECKLIST }, finishLines(report, leftovers));
    if (report.state === "stopped") return EXIT.unfinished;
    return [...report.checks, ...report.evidence].every(({ passed }) => passed) ? EXIT.done : EXIT.findings;
  } catch (error) {
    if (!(error instanceof GateRefusedError)) throw error;
    output.result({ state: "refused", checks: error.checks }, [
      ...gateLines(error.checks),
      "Redis isn't given up, and nothing was changed.",
    ]);
    return EXIT.findings;
  }
}

function finishLines({ state, checks, removal, evidence }: PhaseOutReport, leftovers: readonly Leftover[]): string[] {
  const verb = state === "planned" ? "would be removed" : "removed";
  return [
    ...checkLines("Before Redis is given up:", checks),
    removal
      ? `${removal.keys} keys of the library's own ${verb}.`
      : "No connection to Redis is configured: nothing was looked at there.",
    ...checkLines("Evidence that nobody uses Redis:", evidence),
    ...(state === "stopped" ? ["Stopped. Run it again: it goes on with what is left."] : []),
    ...(state === "in use" ? ["Somebody still uses Redis. Don't switch it off; find them, then run this again."] : []),
    ...(state === "done"
      ? ["Redis can be switched off. What is left to remove:"]
      : ["What is to be removed in the end:"]),
    ...leftovers.map(({ file, line, name }) => `  ${file}:${line} ${name}`),
    ...CHECKLIST.map((item) => `  ${item}`),
  ];
}

function checkLines(title: string, checks: readonly GateCheck[]): string[] {
  if (checks.length === 0) return [];
  const rows = checks.map(({ name, passed, figure }) => [`  ${name}`, passed ? "yes" : "NO", figure]);
  const remedies = checks.filter(({ passed }) => !passed).map(({ remedy }) => `  ${remedy}`);
  return [title, ...table(["", "", ""], rows).slice(1), ...remedies];
}

function day(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}
