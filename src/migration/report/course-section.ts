/** The migration's course as a picture: authority, strategy, backfills and verifies over time. */
import { type StrategyName, strategyNames } from "../../strategy/strategies.js";
import { moment } from "../html/figures.js";
import { type Html, html } from "../html/markup.js";
import { section } from "../html/page.js";
import { type Lane, timeline } from "../html/timeline.js";
import type { MigrationReport } from "./report.js";

/** Spans without a beginning or an end reach to the edges. */
export function courseSection({ at, reigns, strategies, backfills, verifies }: MigrationReport): Html {
  const starts = [...reigns, ...strategies].flatMap(({ from }) => (from ? [Number(from)] : []));
  starts.push(...[...backfills, ...verifies].map(({ startedAt }) => Number(startedAt)));
  if (starts.length === 0) return section("Course", html`<p class="muted">Nothing has happened yet.</p>`);
  const first = new Date(starts.reduce((a, b) => Math.min(a, b)));
  const end = (to: Date | null) => to ?? at;
  const lanes: Lane[] = [
    {
      name: "Authority",
      spans: reigns.map(({ authority, term, from, to }) => {
        const text = `${authority === "redis" ? "Redis" : "Postgres"}${term === null ? "" : ` · term ${term}`}`;
        return { from: from ?? first, to: end(to), fill: authority === "redis" ? "3" : "1", text, name: text };
      }),
    },
    {
      name: "Strategy",
      spans: strategies.map(({ strategy, from, to, forced }) => {
        const text = `${strategy}${forced ? " (forced)" : ""}`;
        return { from, to: end(to), fill: fillOf(strategy), text, name: `${text} from ${moment(from)}` };
      }),
    },
    {
      name: "Backfill",
      spans: backfills.map(({ startedAt, finishedAt, state }) => {
        const fill = state === "finished" ? "good" : state === "running" ? "0" : "high";
        return { from: startedAt, to: end(finishedAt), fill, name: `${state}, begun ${moment(startedAt)}` };
      }),
    },
    {
      name: "Verify",
      spans: verifies.map(({ startedAt, finishedAt, clean, collection }) => {
        const name = `${collection}: ${clean ? "clean" : "differences"}, ${moment(startedAt)}`;
        return { from: startedAt, to: end(finishedAt), fill: clean ? "good" : "bad", name };
      }),
    },
  ];
  return section("Course", timeline(lanes, first, at));
}

/** A colour for each strategy. */
function fillOf(strategy: string): string {
  const place = strategyNames.indexOf(strategy as StrategyName);
  return place < 0 ? "8" : (["8", "2", "4", "1"][place] as string);
}
