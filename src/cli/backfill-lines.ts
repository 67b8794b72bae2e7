/** A backfill's report for people. */
import type { BackfillReport } from "../migration/backfill/backfill.js";
import type { ReverseReport } from "../migration/backfill/reverse.js";
import { OUTCOMES } from "../migration/run/tally.js";
import { duration, table } from "./output.js";

export function backfillLines(report: BackfillReport): string[] {
  const outcomes = OUTCOMES.filter((outcome) => outcome !== "valid" || report.mode === "validated");
  const rows = Object.entries({ ...report.collections, total: report.counts });
  return [
    headline(report),
    ...table(
      ["", "seen", ...outcomes],
      rows.map(([name, counts]) => [name, counts.seen, ...outcomes.map((outcome) => counts[outcome])]),
    ),
    report.addsUp
      ? "The counts add up to what was seen."
      : "THE COUNTS DON'T ADD UP to what was seen: please report this.",
    ...Object.entries(report.ignored).map(([pattern, count]) => `ignored: ${count} keys like ${pattern}`),
    ...report.samples.map(({ outcome, of, key, reason }) => `${outcome}: ${of} ${key}${reason ? `: ${reason}` : ""}`),
    ...(report.mode === "copied" ? afterwards(report) : []),
  ];
}

function headline({ mode, state, elapsedMs }: BackfillReport): string {
  if (state === "stopped") return "Stopped. Run it again: it goes on where it was.";
  if (mode === "copied") return `Finished in ${duration(elapsedMs)}.`;
  return `${mode === "rehearsed" ? "This is what would happen" : "Every value was decoded"}; nothing was written.`;
}

function afterwards(report: BackfillReport): string[] {
  const { setAside } = report.counts;
  return [
    `To take it back while Redis is the authority: dual-write undo-backfill ${report.runId}`,
    ...(setAside > 0
      ? [`${setAside} values were set aside with their reasons; \`dual-write rejects list\` shows them.`]
      : []),
    ...(report.state === "finished" && report.complete.length === 0
      ? ["No collection counts as backfilled by this: it took in a part of their keys, or has to be run once more."]
      : []),
    ...(report.overflowed.length > 0
      ? [`The repair log of ${report.overflowed.join(", ")} was full meanwhile: run it once more.`]
      : []),
  ];
}

export function reverseLines({ copied, elapsedMs }: ReverseReport): string[] {
  return [`Brought ${copied} rows to Redis in ${duration(elapsedMs)}; nothing is known to be missing there.`];
}
