/** A picture of figures over time. */
import { type Html, html } from "./markup.js";
import { timeScale } from "./time-scale.js";

export interface Series {
  readonly name: string;
  /** The oldest first. */
  readonly points: readonly { readonly at: Date; readonly value: number }[];
}

const WIDTH = 640;
const LEFT = 70;
const FLOOR = 150;
const CEILING = 10;
const STEPS = 3;

/** `format`: how a figure is written at the axis. */
export function lines(all: readonly Series[], format: (value: number) => string): Html {
  const points = all.flatMap(({ points: of }) => of);
  if (points.length === 0) return html`<p class="muted">Nothing is known.</p>`;
  const times = points.map(({ at }) => Number(at));
  const [from, to] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
  const greatest = points.reduce((most, { value }) => Math.max(most, value), 0) || 1;
  const { x, axis } = timeScale(from, to, LEFT, WIDTH - 4, FLOOR);
  const y = (value: number) => (FLOOR - (value / greatest) * (FLOOR - CEILING)).toFixed(1);
  const even = Array.from({ length: STEPS + 1 }, (_, n) => (greatest * n) / STEPS);
  // Of small figures some are written alike.
  const steps = even.filter((value, n) => n === 0 || format(value) !== format(even[n - 1] as number));
  return html`<svg viewBox="0 0 ${WIDTH} 206" role="img">${axis}${steps.map(
    (value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - 4}" y1="${y(value)}" y2="${y(value)}"/>
<text class="dim" x="${LEFT - 8}" y="${(Number(y(value)) + 4).toFixed(1)}" text-anchor="end">${format(value)}</text>`,
  )}${all.map(({ name, points: of }, n) => {
    const colour = (n % 8) + 1;
    const path = of.map(({ at, value }) => `${x(at)},${y(value)}`).join(" ");
    return html`<g><title>${name}</title><polyline class="series stroke-${colour}" points="${path}"/>
${of.length < 40 && of.map(({ at, value }) => html`<circle class="fill-${colour}" cx="${x(at)}" cy="${y(value)}" r="2.6"><title>${name}: ${format(value)}</title></circle>`)}
<rect class="fill-${colour}" x="${LEFT + n * 180}" y="184" width="11" height="11" rx="2"/><text x="${LEFT + n * 180 + 17}" y="194">${name}</text></g>`;
  })}</svg>`;
}
