/** What the demo proved: a page for people, or one JSON document. */
import type { Demo } from "./demo.js";
import type { Refusal } from "./desk.js";
import type { ReportedFinding } from "./findings.js";
import type { Outage } from "./outage.js";
import type { Proof } from "./proof.js";
import { UnusableServerError } from "./servers.js";

export interface WeekReport {
  readonly title: string;
  readonly seconds: number;
  readonly served: number;
  readonly refused: number;
  readonly proofs: readonly Proof[];
}

export interface Report {
  readonly ok: boolean;
  readonly seconds: number;
  readonly people: number;
  readonly legacyKeys: number;
  readonly weeks: readonly WeekReport[];
  readonly outages: readonly Outage[];
  readonly requests: {
    readonly served: number;
    readonly refused: number;
    readonly reads: number;
    readonly writes: number;
  };
  readonly acknowledgedWrites: number;
  readonly bypassWrites: number;
  readonly unknownOutcomes: number;
  readonly fallbackReads: number;
  readonly repeatedOperations: number;
  readonly acknowledgedWritesLost: number;
  readonly deletedRecordsBack: number;
  readonly countersOff: number;
  readonly expiredRecordsServed: number;
  readonly findings: readonly ReportedFinding[];
  readonly refusals: readonly Refusal[];
  /** Why the story ended before its end. */
  readonly error?: string;
}

/** Findings that are told one by one at most. */
const TOLD = 50;

export function reportOn(demo: Demo, weeks: readonly WeekReport[], error?: Error): Report {
  const { desk, findings, journal, narrator } = demo;
  const { counts } = desk;
  const { lost, resurrected, counter, expired } = findings.counts;
  return {
    ok: error === undefined && counts.refused + lost + resurrected + counter + expired === 0,
    seconds: Math.round(narrator.elapsed * 10) / 10,
    people: demo.options.pace.people,
    legacyKeys: demo.legacy?.keys ?? 0,
    weeks,
    outages: demo.outages,
    requests: { served: counts.served, refused: counts.refused, reads: counts.reads, writes: counts.writes },
    acknowledgedWrites: journal.acknowledgedWrites,
    bypassWrites: demo.bypass?.writes ?? 0,
    unknownOutcomes: counts.unknown,
    fallbackReads: counts.fallbacks,
    repeatedOperations: counts.repetitions,
    acknowledgedWritesLost: lost,
    deletedRecordsBack: resurrected,
    countersOff: counter,
    expiredRecordsServed: expired,
    findings: findings.all.slice(0, TOLD),
    refusals: desk.refusals.slice(0, TOLD),
    ...(error === undefined ? {} : { error: describe(error) }),
  };
}

export function reportText(report: Report): string {
  const rows: [string, number][] = [
    ["requests served", report.requests.served],
    ["requests refused", report.requests.refused],
    ["acknowledged writes lost", report.acknowledgedWritesLost],
    ["deleted records that came back", report.deletedRecordsBack],
    ["counters off", report.countersOff],
    ["expired records served", report.expiredRecordsServed],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(32)}${value.toLocaleString("en").padStart(10)}`);
  const beside = `  beside: ${report.acknowledgedWrites} acknowledged writes of records, ${report.bypassWrites} past the library, ${report.fallbackReads} records read from the other store during outages, ${report.repeatedOperations} operations sent twice.`;
  const refusals = report.refusals
    .slice(0, 10)
    .map(
      (one) =>
        `  refused: ${one.path} ${one.code} after ${one.afterMs} ms, ${one.week}, ${one.process}: ${one.message.split("\n")[0]}`,
    );
  const findings = report.findings
    .slice(0, 20)
    .map((one) => `  ${one.breach}: ${one.key}: ${one.what} (${one.where}, ${one.week})`);
  const end = report.ok ? "Nothing was lost." : `The demo failed.${report.error ? ` ${report.error}` : ""}`;
  return ["", ...lines, beside, ...refusals, ...findings, "", end].join("\n");
}

function describe(error: Error): string {
  if (error instanceof UnusableServerError) return error.message;
  const cause = error.cause instanceof Error ? `\n  caused by ${error.cause.stack}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
