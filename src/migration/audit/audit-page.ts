/** The audit as one page. */
import { bars, columns, shares } from "../html/bars.js";
import { bytes, count, duration, moment, share } from "../html/figures.js";
import { type Content, type Html, html } from "../html/markup.js";
import { badge, beside, code, list, page, section, table, tiles, titled } from "../html/page.js";
import { memoryText } from "./audit-lines.js";
import type { AuditReport } from "./audit-report.js";
import type { NamedKey } from "./audit-tally.js";
import { grantSection } from "./grant-section.js";
import type { PatternReport } from "./pattern-count.js";

const ROLES: Readonly<Record<PatternReport["role"], string>> = {
  records: "records",
  counters: "counters",
  statistics: "statistics",
  derived: "follows its records",
  library: "the library's own",
  foreign: "another library's",
  unknown: "unknown: left alone",
};

export function auditPage(report: AuditReport): string {
  const { server } = report;
  return page({
    title: report.state === "finished" ? "Audit of Redis" : "Audit of Redis, stopped before its end",
    subtitle: html`${moment(report.startedAt)}, ${duration(report.elapsedMs)} · Redis ${server.version ?? ""}${
      server.role === "replica" && " (replica)"
    }, database ${server.database}`,
    sections: [
      headline(report),
      conditions(report),
      overview(report),
      patterns(report),
      grantSection(report.premiumGrants),
      odd(report),
      foreign(report),
      keys(report),
      section("How far this can be relied upon", list(report.notes)),
    ],
  });
}

function headline(report: AuditReport): Html {
  const failed = report.stopConditions.filter(({ passed }) => !passed).length;
  const copied = Object.values(report.targets).reduce((sum, keys) => sum + keys, 0);
  const mustMove = report.patterns.filter(({ foreign: of }) => of?.mustMove).length;
  return tiles([
    {
      name: "Verdict",
      figure: failed === 0 ? "May begin" : `${failed} to look at`,
      remark: failed === 0 ? "no stop condition holds" : "stop conditions",
      mood: failed === 0 ? "good" : "bad",
    },
    {
      name: "Keys",
      figure: count(report.keys.distinct),
      remark: `${count(copied)} to copy (${share(copied, report.keys.distinct)})`,
    },
    {
      name: "Memory of keys",
      figure: report.memory.bytes === null ? "unknown" : bytes(report.memory.bytes),
      remark: `${errorOf(report)} · server ${report.server.usedMemory === null ? "unknown" : bytes(report.server.usedMemory)}`,
    },
    {
      name: "Premium grants",
      figure: count(report.premiumGrants.active),
      remark: `active; ${count(report.premiumGrants.expired)} expired`,
    },
    {
      name: "Backfill",
      figure: duration(report.backfill.expectedMs),
      remark: `at ${count(report.backfill.keysPerSecond)} keys a second`,
    },
    {
      name: "Must move elsewhere",
      figure: mustMove,
      remark: "kinds of key of other libraries",
      mood: mustMove > 0 ? "bad" : undefined,
    },
  ]);
}

function errorOf({ memory }: AuditReport): string {
  if (memory.errorBytes === null) return "error unknown";
  return `± ${bytes(memory.errorBytes)}`;
}

function conditions({ stopConditions }: AuditReport): Html {
  return section(
    "Stop conditions",
    table(
      ["", "Condition", "Stands at", "What to do"],
      stopConditions.map(({ name, passed, figure, remedy }) => [
        badge(passed ? "passes" : "stops", passed ? "good" : "bad"),
        name,
        figure,
        !passed && remedy,
      ]),
    ),
  );
}

function overview(report: AuditReport): Html {
  const { priorities, targets, types, ttl, keys, backfill } = report;
  const rest = keys.distinct - keys.vanished - Object.values(priorities).reduce((sum, one) => sum + one, 0);
  const amount = ([name, value]: [string, number], fill: string) => ({ name, value, figure: count(value), fill });
  const byPriority = [
    ...Object.entries(priorities).map((entry) => amount(entry, entry[0])),
    amount(["of no collection", rest], "4"),
  ];
  const byTable = Object.entries(targets).map((entry, n) => amount(entry, String((n % 8) + 1)));
  const byMemory = report.patterns
    .filter(({ memory }) => (memory.bytes ?? 0) > 0)
    .sort((a, b) => (b.memory.bytes ?? 0) - (a.memory.bytes ?? 0))
    .slice(0, 12)
    .map(({ pattern, memory, priority }) => ({
      name: pattern,
      value: memory.bytes ?? 0,
      figure: bytes(memory.bytes ?? 0),
      fill: priority ?? "8",
    }));
  return section(
    "Overview",
    beside(
      titled("Keys by priority", shares(byPriority)),
      titled("Keys by the table that they go to", shares(byTable)),
      titled("Memory by pattern", bars(byMemory)),
      titled(
        "Keys by what is left of their time to live",
        columns(Object.entries(ttl).map((entry) => amount(entry, entry[0] === "no expiry" ? "high" : "0"))),
      ),
    ),
    html`<p class="muted">Types: ${Object.entries(types)
      .map(([type, n]) => `${type} ${count(n)}`)
      .join(
        " · ",
      )}. Expected backfill: ${count(backfill.keys)} keys at ${count(backfill.keysPerSecond)} a second (${backfill.source}).</p>`,
  );
}

function patterns({ patterns: all }: AuditReport): Html {
  return section(
    "Patterns",
    table(
      ["Pattern", "Priority", "Goes to", "Keys", "Types", "Values", "Memory", "No expiry", "Odd"],
      all.map((one) => [
        code(one.pattern),
        one.priority && badge(one.priority, one.priority),
        one.table ? code(one.table) : (one.foreign?.library ?? ROLES[one.role]),
        count(one.keys),
        Object.keys(one.types).join(", "),
        valuesOf(one),
        memoryText(one.memory),
        count(one.ttl["no expiry"]),
        count(one.odd.reduce((sum, { keys }) => sum + keys, 0)),
      ]),
    ),
  );
}

function valuesOf({ valueBytes, elements }: PatternReport): string {
  const parts = [valueBytes > 0 && bytes(valueBytes), elements > 0 && `${count(elements)} elements`];
  return parts.filter(Boolean).join(", ") || "–";
}

function odd({ patterns: all }: AuditReport): Html {
  const found = all.flatMap((one) => one.odd.map((finding) => ({ ...finding, pattern: one.pattern })));
  const merged = all.filter(({ otherSpellings }) => otherSpellings > 0);
  const spellings: Content =
    merged.length > 0 &&
    html`<p>Emails not in lower case, which a backfill merges into one record: ${merged
      .map(({ pattern, otherSpellings }) => `${pattern} ${count(otherSpellings)}`)
      .join(", ")}.</p>`;
  const unknown = all.filter(({ role }) => role === "unknown");
  return section(
    "Odd keys and unknown patterns",
    table(
      ["Pattern", "What is odd", "Keys", "Such as"],
      found.map(({ pattern, reason, keys, examples }) => [
        code(pattern),
        reason,
        count(keys),
        examples.map((example) => html`${code(example)}<br>`),
      ]),
      "Nothing odd was seen.",
    ),
    spellings,
    html`<h3>Patterns that no collection knows</h3>`,
    table(
      ["Pattern", "Keys", "Types", "Memory"],
      unknown.map((one) => [
        code(one.pattern),
        count(one.keys),
        Object.keys(one.types).join(", "),
        memoryText(one.memory),
      ]),
    ),
  );
}

function foreign({ patterns: all }: AuditReport): Html {
  return section(
    "Queues, locks and the like of other libraries",
    table(
      ["Pattern", "Looks like", "Keys", "Before Redis is switched off"],
      all.flatMap(({ foreign: of, pattern, keys: n }) =>
        of
          ? [[code(pattern), of.library, count(n), html`${of.mustMove && badge("must move", "bad")} ${of.advice}`]]
          : [],
      ),
      "None was recognised.",
    ),
  );
}

function keys({ largest, oldest }: AuditReport): Html {
  const rows = (all: readonly NamedKey[], figure: (key: NamedKey) => string) =>
    all.map((key) => [code(key.label), key.type, figure(key), key.ttlMs === null ? "never" : duration(key.ttlMs)]);
  return section(
    "Largest and oldest keys",
    html`<h3>Largest</h3>`,
    table(
      ["Key", "Type", "Size", "Expires in"],
      rows(largest, (key) => (key.bytes === null ? "–" : bytes(key.bytes))),
    ),
    html`<h3>Longest unused</h3>`,
    oldest === null
      ? html`<p class="muted">The server doesn't tell.</p>`
      : table(
          ["Key", "Type", "Unused for", "Expires in"],
          rows(oldest, (key) => duration((key.idleSeconds ?? 0) * 1000)),
        ),
  );
}
