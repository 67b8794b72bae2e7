/** The plan drawn: each pattern and the table that it goes to. */
import { type Html, html } from "../html/markup.js";
import type { MigrationPlan } from "./plan.js";

const WIDTH = 900;
const ROW = 30;
const PATTERN = { x: 0, width: 360 };
const TABLE = { x: 620, width: 280 };
/** Characters that fit into a box. */
const FITS = { pattern: 46, table: 34 };

export function planPicture({ steps }: MigrationPlan): Html {
  let row = 0;
  const parts = steps.map(({ order, table, priority, patterns }) => {
    const first = row;
    row += patterns.length;
    const middle = ((first + row) / 2) * ROW;
    return html`${patterns.map(({ pattern }, n) => {
      const y = (first + n) * ROW + ROW / 2;
      const [from, to] = [PATTERN.x + PATTERN.width, TABLE.x];
      const bend = (from + to) / 2;
      return html`<rect class="box" x="${PATTERN.x + 0.5}" y="${y - 11.5}" width="${PATTERN.width}" height="23" rx="5"/>
<rect class="fill-${priority}" x="${PATTERN.x + 0.5}" y="${y - 11.5}" width="4" height="23" rx="2"/>
<text x="${PATTERN.x + 14}" y="${y + 4}"><title>${pattern}</title>${cut(pattern, FITS.pattern)}</text>
<path class="arrow" d="M${from} ${y} C${bend} ${y} ${bend} ${middle} ${to} ${middle}"/>`;
    })}<rect class="box" x="${TABLE.x}" y="${middle - 13}" width="${TABLE.width - 1}" height="26" rx="5"/>
<text x="${TABLE.x + 12}" y="${middle + 4}"><title>${table}</title>${order}. ${cut(table, FITS.table)}</text>
<text class="dim" x="${TABLE.x + TABLE.width - 12}" y="${middle + 4}" text-anchor="end">${priority}</text>`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${Math.max(1, row) * ROW}" role="img"><title>Patterns and their tables</title>${parts}</svg>`;
}

function cut(text: string, fits: number): string {
  return text.length <= fits ? text : `${text.slice(0, fits - 1)}…`;
}
