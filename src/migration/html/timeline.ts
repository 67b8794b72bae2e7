/** A picture of what held from when to when, in lanes one below the other. */
import { type Html, html } from "./markup.js";
import { timeScale } from "./time-scale.js";

export interface Span {
  readonly from: Date;
  readonly to: Date;
  readonly name: string;
  /** A class of the style, such as `good` or `3`. */
  readonly fill: string;
  /** Written into the bar, where there is room. @default nothing */
  readonly text?: string;
}

export interface Lane {
  readonly name: string;
  readonly spans: readonly Span[];
}

const WIDTH = 1040;
const NAMES = 110;
const ROW = 34;
/** Of one character, about. */
const CHARACTER = 7;

export function timeline(lanes: readonly Lane[], from: Date, to: Date): Html {
  const height = lanes.length * ROW;
  const { x, axis } = timeScale(Number(from), Number(to), NAMES, WIDTH - 4, height);
  return html`<svg viewBox="0 0 ${WIDTH} ${height + 22}" role="img">${axis}${lanes.map(({ name, spans }, n) => {
    const top = n * ROW + 6;
    return html`<text x="0" y="${top + 15}">${name}</text>${spans.map((span) => {
      const width = Math.max(3, Number(x(span.to)) - Number(x(span.from)));
      const fits = span.text !== undefined && span.text.length * CHARACTER + 8 < width;
      return html`<g><title>${span.name}</title><rect class="fill-${span.fill}" x="${x(span.from)}" y="${top}" width="${width.toFixed(1)}" height="21" rx="4"/>
${fits && html`<text class="on-fill" x="${(Number(x(span.from)) + 7).toFixed(1)}" y="${top + 15}">${span.text}</text>`}</g>`;
    })}`;
  })}</svg>`;
}
