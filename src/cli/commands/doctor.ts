/** `dual-write doctor`: whether both servers are fit for the migration, and what it will store there. */
import { Command } from "commander";
import type { DoctorReport } from "../../migration/doctor/doctor.js";
import { bytes, type Finding } from "../../migration/doctor/finding.js";
import { EXIT } from "../exit-codes.js";
import { table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

interface Options extends CommonOptions {
  readonly privileges?: boolean;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description(
      "Looks at both servers before anything is written: settings, privileges, clocks, room. Changes nothing.",
    )
    .option("--privileges", "print the least privileges that suffice, as an ACL and SQL to copy")
    .addHelpText(
      "after",
      "\nExits with 1 if there is a problem. What is marked !! must be changed before a flip.\n\nExample:\n  $ dual-write doctor --privileges",
    );
  return withCommonOptions(command).action((options: Options) =>
    runSession(options, async ({ migration, output }) => {
      const report = await migration.doctor();
      output.result(report, lines(report, options.privileges ?? false));
      const isFound = report.findings.some(({ severity }) => severity === "problem" || severity === "blocking");
      return isFound ? EXIT.findings : EXIT.done;
    }),
  );
}

const MARKS: Readonly<Record<Finding["severity"], string>> = { ok: "ok", problem: "!", blocking: "!!", unknown: "?" };

function lines(report: DoctorReport, withPrivileges: boolean): string[] {
  const { findings, privileges } = report;
  const remedies = findings.filter(({ remedy, severity }) => remedy !== null && severity !== "unknown");
  const blocking = findings.filter(({ severity }) => severity === "blocking").length;
  return [
    ...table(
      ["", "", "", ""],
      findings.map(({ severity, about, name, figure }) => [MARKS[severity], about, name, figure]),
    ).slice(1),
    ...(remedies.length > 0 ? ["", "What to do:"] : []),
    ...remedies.map(({ severity, about, name, remedy }) => `${MARKS[severity]} ${about}, ${name}: ${remedy}`),
    "",
    ...footprintLines(report),
    ...(withPrivileges ? privilegeLines(privileges) : []),
    "",
    blocking > 0 ? `${blocking} of these (!!) must be changed before a flip.` : "Nothing stands in the way of a flip.",
  ];
}

function privilegeLines({ redis, postgres }: DoctorReport["privileges"]): string[] {
  return [
    "",
    "Redis, for backends:",
    redis.application,
    "Redis, for all commands but restore; it may read every key, for audit and backup:",
    redis.operator,
    "Redis, for restore, on the server that is to be filled:",
    redis.restore,
    "",
    "Postgres:",
    postgres,
  ];
}

function footprintLines({ footprint }: DoctorReport): string[] {
  if (!footprint) return ["What will be stored beside the data isn't known: Redis couldn't be asked for its keys."];
  const rows = Object.entries(footprint.collections).map(([name, one]) => [
    name,
    one.keys,
    bytes(one.companions),
    bytes(one.companionsAtMost),
    bytes(one.indexes),
    bytes(one.rows),
  ]);
  return [
    `What will be stored beside the data, about (${footprint.sampled} of ${footprint.keys} keys looked at):`,
    ...table(["", "keys", "companions", "at most", "indexes", "rows in Postgres"], rows),
    `In Redis ${bytes(footprint.redis)} once all was written, in Postgres ${bytes(footprint.postgres)} once all was copied.`,
    `Repair logs: nothing in quiet times, ${bytes(footprint.repairLogsAtMost)} at most; tombstones: 200 B for each delete, for 14 days.`,
  ];
}
