/** Moments along the width of a picture. */
import { type Html, html } from "./markup.js";

export interface TimeScale {
  readonly x: (at: Date | number) => string;
  /** Lines and dates below the picture. */
  readonly axis: Html;
}

const DAY_MS = 86_400_000;
/** What a date takes of the width. */
const TICK = 130;

/** From `from` to `to` between `left` and `right`; the axis is `height` below the top. */
export function timeScale(from: number, to: number, left: number, right: number, height: number): TimeScale {
  const span = Math.max(1, to - from);
  const place = (at: Date | number) =>
    left + (Math.min(Math.max(Number(at), from), to) - from) * ((right - left) / span);
  const x = (at: Date | number) => place(at).toFixed(1);
  const last = Math.max(1, Math.floor((right - left) / TICK) - 1);
  const ticks = Array.from({ length: last + 1 }, (_, n) => from + (span * n) / last);
  const anchor = (n: number) => (n === 0 ? "start" : n === last ? "end" : "middle");
  const axis = html`${ticks.map(
    (at, n) => html`<line class="grid" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height}"/>
<text class="dim" x="${x(at)}" y="${height + 15}" text-anchor="${anchor(n)}">${nameOf(at, span)}</text>`,
  )}`;
  return { x, axis };
}

function nameOf(at: number, span: number): string {
  const text = new Date(at).toISOString();
  if (span > 4 * DAY_MS) return text.slice(0, 10);
  return span > DAY_MS / 12 ? text.slice(5, 16).replace("T", " ") : text.slice(11, 19);
}
