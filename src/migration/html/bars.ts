/** Pictures of amounts: bars beside their names, columns along an axis, and one bar cut into shares. */
import { type Html, html } from "./markup.js";

export interface Amount {
  readonly name: string;
  readonly value: number;
  /** What stands behind the bar. @default the value */
  readonly figure?: string;
  /** A class of the style, such as `critical` or `3`. @default "0" */
  readonly fill?: string;
}

const WIDTH = 640;
const ROW = 24;
/** Characters of a name that fit beside the bars. */
const FITS = 36;
const NAMES = 230;
const FIGURES = 96;

/** Bars one below the other. */
export function bars(amounts: readonly Amount[]): Html {
  const greatest = Math.max(1, ...amounts.map(({ value }) => value));
  const space = WIDTH - NAMES - FIGURES;
  const height = Math.max(1, amounts.length) * ROW;
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${amounts.map(
    ({ name, value, figure, fill = "0" }, n) => {
      const width = value > 0 ? Math.max(2, (value / greatest) * space) : 0;
      const middle = n * ROW + 16;
      return html`<g><title>${name}: ${figure ?? value}</title>
<text x="${NAMES - 10}" y="${middle}" text-anchor="end">${shortened(name)}</text>
<rect class="track" x="${NAMES}" y="${n * ROW + 5}" width="${space}" height="14" rx="3"/>
<rect class="fill-${fill}" x="${NAMES}" y="${n * ROW + 5}" width="${width.toFixed(1)}" height="14" rx="3"/>
<text class="dim" x="${NAMES + space + 8}" y="${middle}">${figure ?? value}</text></g>`;
    },
  )}</svg>`;
}

const COLUMNS_HEIGHT = 190;
const FLOOR = COLUMNS_HEIGHT - 24;
const CEILING = 18;
/** Half of what a column's name takes, so that the first isn't cut. */
const NAME = 22;
/** Names of columns that fit beside one another. */
const MOST_NAMES = 14;

/** Columns from left to right, such as months. */
export function columns(amounts: readonly Amount[]): Html {
  const greatest = Math.max(1, ...amounts.map(({ value }) => value));
  const step = WIDTH / Math.max(1, amounts.length);
  const everyName = Math.ceil(amounts.length / MOST_NAMES);
  return html`<svg viewBox="0 0 ${WIDTH} ${COLUMNS_HEIGHT}" role="img">
<line class="grid" x1="0" x2="${WIDTH}" y1="${FLOOR}" y2="${FLOOR}"/>${amounts.map(
    ({ name, value, figure, fill = "0" }, n) => {
      const height = value > 0 ? Math.max(1.5, (value / greatest) * (FLOOR - CEILING)) : 0;
      const middle = (n + 0.5) * step;
      const width = Math.min(46, step * 0.72);
      return html`<g><title>${name}: ${figure ?? value}</title>
<rect class="fill-${fill}" x="${(middle - width / 2).toFixed(1)}" y="${(FLOOR - height).toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" rx="2"/>
${amounts.length <= MOST_NAMES && value > 0 && html`<text class="dim" x="${middle.toFixed(1)}" y="${(FLOOR - height - 5).toFixed(1)}" text-anchor="middle">${figure ?? value}</text>`}
${n % everyName === 0 && html`<text class="dim" x="${Math.max(middle, NAME).toFixed(1)}" y="${COLUMNS_HEIGHT - 8}" text-anchor="middle">${name}</text>`}</g>`;
    },
  )}</svg>`;
}

/** One bar of shares with a legend. */
export function shares(amounts: readonly Amount[]): Html {
  const all = amounts.filter(({ value }) => value > 0);
  const sum = all.reduce((total, { value }) => total + value, 0) || 1;
  let x = 0;
  const parts = all.map(({ name, value, figure, fill = "0" }) => {
    const width = (value / sum) * WIDTH;
    const part = html`<rect class="fill-${fill}" x="${x.toFixed(1)}" y="0" width="${Math.max(1, width - 1).toFixed(1)}" height="22"><title>${name}: ${figure ?? value}</title></rect>`;
    x += width;
    return part;
  });
  const perRow = 3;
  const legend = all.map(({ name, value, figure, fill = "0" }, n) => {
    const [left, top] = [(n % perRow) * (WIDTH / perRow), 36 + Math.floor(n / perRow) * 22];
    return html`<rect class="fill-${fill}" x="${left.toFixed(1)}" y="${top}" width="11" height="11" rx="2"/>
<text x="${(left + 17).toFixed(1)}" y="${top + 10}">${shortened(name, 18)} <tspan class="dim">${figure ?? value}</tspan></text>`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${36 + Math.ceil(all.length / perRow) * 22}" role="img">${parts}${legend}</svg>`;
}

function shortened(name: string, fits = FITS): string {
  return name.length <= fits ? name : `${name.slice(0, fits - 1)}…`;
}
