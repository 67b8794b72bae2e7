/** The report of the whole migration as one page. */
import { columns } from "../html/bars.js";
import { count, duration, moment } from "../html/figures.js";
import { lines } from "../html/lines.js";
import { type Content, type Html, html } from "../html/markup.js";
import { badge, beside, code, list, page, section, table, tiles, titled } from "../html/page.js";
import { courseSection } from "./course-section.js";
import type { MigrationReport } from "./report.js";

export function reportPage(report: MigrationReport): string {
  return page({
    title: "Report of the migration",
    subtitle: moment(report.at),
    sections: [
      headline(report),
      courseSection(report),
      traffic(report),
      divergence(report),
      runs(report),
      collections(report),
      decisions(report),
      logs(report),
      section("How far this can be relied upon", list(report.notes)),
    ],
  });
}

function headline({ status, latency, divergences }: MigrationReport): Html {
  const rejects = Object.values(status.collections).reduce((sum, one) => sum + one.rejects, 0);
  const met = divergences.reduce((sum, one) => sum + one.count, 0);
  const ms = (one: { readonly medianMs: number } | null) => (one === null ? "no answer" : `${one.medianMs} ms`);
  return tiles([
    {
      name: "Authority",
      figure: status.authority === null ? "unknown" : status.authority === "redis" ? "Redis" : "Postgres",
      remark:
        status.term === null ? "no term yet" : `term ${status.term}${status.redisGivenUp ? "; Redis given up" : ""}`,
      mood: status.authority === null ? "bad" : "good",
    },
    {
      name: "Processes",
      figure: status.processes.length,
      remark: [...new Set(status.processes.map(({ strategy }) => strategy))].join(", ") || "none is live",
    },
    { name: "Lag", figure: duration(status.lagMs), remark: "oldest repair-log entry" },
    { name: "Latency", figure: ms(latency.redis), remark: `Redis; Postgres ${ms(latency.postgres)}` },
    { name: "Divergences", figure: count(met), remark: "met in 30 days", mood: met > 0 ? "bad" : undefined },
    {
      name: "Set aside",
      figure: count(rejects),
      remark: "values that weren't copied",
      mood: rejects > 0 ? "bad" : undefined,
    },
  ]);
}

function traffic({ logs: kept, status }: MigrationReport): Html {
  const seen = kept?.observations ?? [];
  const series = (name: string, pick: (one: (typeof seen)[number]) => number | null) => ({
    name,
    points: seen.flatMap((one) => {
      const value = pick(one);
      return value === null ? [] : [{ at: one.at, value }];
    }),
  });
  const { compared, differed } = status.samples;
  const perSecond = (name: string, pick: (one: (typeof seen)[number]) => number | null) => {
    const { points } = series(name, pick);
    return { name, points: ratesOf(points) };
  };
  return section(
    "Lag, latency and traffic",
    beside(
      titled("Lag, as each status saw it", lines([series("lag", (one) => one.lagMs)], duration)),
      titled(
        "Round trips, as each status saw them",
        lines(
          [series("Redis", (one) => one.redisMs), series("Postgres", (one) => one.postgresMs)],
          (ms) => `${ms.toFixed(1)} ms`,
        ),
      ),
      titled(
        "Traffic a second, from each status to the next, whoever made it",
        lines(
          [
            perSecond("commands of Redis", (one) => one.redisOperations),
            perSecond("transactions of Postgres", (one) => one.postgresOperations),
          ],
          (value) => (value < 10 ? value.toFixed(1) : count(value)),
        ),
      ),
    ),
    html`<p class="muted">The live processes compared ${count(compared)} reads with the mirror; ${count(differed)} differed.</p>`,
  );
}

interface Point {
  readonly at: Date;
  readonly value: number;
}

/** From counts that only rise; one that fell began anew, with its server, and tells nothing of the time before. */
function ratesOf(counts: readonly Point[]): Point[] {
  return counts.slice(1).flatMap(({ at, value }, n) => {
    const before = counts[n] as Point;
    const seconds = (Number(at) - Number(before.at)) / 1000;
    return seconds > 0 && value >= before.value ? [{ at, value: (value - before.value) / seconds }] : [];
  });
}

const DAY_MS = 86_400_000;

function divergence({ divergences, at }: MigrationReport): Html {
  const days = Array.from({ length: 30 }, (_, n) =>
    new Date(Number(at) - (29 - n) * DAY_MS).toISOString().slice(0, 10),
  );
  const sums = new Map<string, number>();
  const add = (name: string, n: number) => sums.set(name, (sums.get(name) ?? 0) + n);
  for (const { hour, kind, count: n } of divergences) add(`${hour.toISOString().slice(0, 10)} ${kind}`, n);
  const kinds = [...new Set(divergences.map(({ kind }) => kind))].sort();
  const pictures = kinds.map((kind, n) =>
    titled(
      kind,
      columns(
        days.map((day) => {
          const value = sums.get(`${day} ${kind}`) ?? 0;
          return { name: day.slice(5), value, figure: count(value), fill: String((n % 8) + 1) };
        }),
      ),
    ),
  );
  return section(
    "Divergence by kind, a day a column",
    kinds.length > 0 ? beside(...pictures) : html`<p class="muted">Traffic met none in the last 30 days.</p>`,
  );
}

/** In a table, where it would else be broken into lines. */
const when = (at: Date) => html`<time>${moment(at)}</time>`;

/** A page is no archive. */
const ROWS = 50;

function runs({ backfills, verifies }: MigrationReport): Html {
  const took = (from: Date, to: Date | null) => (to === null ? "–" : duration(Number(to) - Number(from)));
  return section(
    "Backfills and verifies",
    table(
      ["Backfill", "State", "Took", "Collections", "Seen", "Copied", "Set aside"],
      backfills
        .slice(0, ROWS)
        .map((one) => [
          when(one.startedAt),
          badge(one.state, one.state === "finished" ? "good" : ""),
          took(one.startedAt, one.finishedAt),
          one.collections.join(", "),
          ...["seen", "copied", "setAside"].map((name) => figureOf(one.counts, name)),
        ]),
      "No backfill yet.",
    ),
    html`<h3>Verifies</h3>`,
    table(
      ["Verify", "Collection", "Result", "Took", "Compared", "Differences"],
      verifies
        .slice(0, ROWS)
        .map((one) => [
          when(one.startedAt),
          one.collection,
          badge(one.clean ? "clean" : "differences", one.clean ? "good" : "bad"),
          took(one.startedAt, one.finishedAt),
          count(one.compared),
          kindsOf(one.differences),
        ]),
      "No verify yet.",
    ),
  );
}

/** The tally keeps its counts one level down. */
function figureOf(kept: Readonly<Record<string, unknown>> | null, name: string): string {
  const counts = kept?.counts as Record<string, unknown> | undefined;
  const value = counts?.[name];
  return typeof value === "number" ? count(value) : "–";
}

function kindsOf(differences: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(differences).map(([kind, n]) => `${kind} ${count(n)}`);
  return kinds.join(", ") || "–";
}

function collections({ status }: MigrationReport): Html {
  const mark = (complete: boolean | null): Content =>
    complete === null ? "?" : badge(complete ? "yes" : "no", complete ? "good" : "bad");
  return section(
    "Collections now",
    table(
      ["Collection", "Redis complete", "Postgres complete", "Repair log", "Set aside", "Most frequent reasons"],
      Object.entries(status.collections).map(([name, one]) => [
        code(name),
        mark(one.complete.redis),
        mark(one.complete.postgres),
        count((one.repairLog.redis?.entries ?? 0) + (one.repairLog.postgres?.entries ?? 0)),
        count(one.rejects),
        kindsOf(one.rejectReasons),
      ]),
    ),
  );
}

function decisions({ decisions: all }: MigrationReport): Html {
  return section(
    "Decisions",
    table(
      ["When", "What", "Strategy", "Why"],
      [...all]
        .reverse()
        .slice(0, ROWS)
        .map(({ at, what, strategy, reason, forced }) => [
          when(at),
          html`${what} ${forced && badge("forced", "bad")}`,
          strategy,
          reason,
        ]),
      "None yet.",
    ),
  );
}

function logs({ logs: kept }: MigrationReport): Html {
  if (!kept) return html``;
  return section(
    "Runs of the command",
    table(
      ["Begun", "Command", "Host", "Took", "Exit code", "Error"],
      kept.runs
        .slice(0, ROWS)
        .map((run) => [
          when(run.startedAt),
          code(run.command),
          run.host,
          run.elapsedMs === null ? "–" : duration(run.elapsedMs),
          run.exitCode === null ? badge("no end yet") : String(run.exitCode),
          run.error,
        ]),
      "No log file was found.",
    ),
  );
}
