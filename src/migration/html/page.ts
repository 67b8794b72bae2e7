/** A page in one file: no script, nothing from elsewhere, light or dark as the reader's system is. */
import { type Content, Html, html } from "./markup.js";
import { STYLE } from "./style.js";

export interface Page {
  readonly title: string;
  /** A line below it. */
  readonly subtitle: Content;
  readonly sections: readonly Content[];
}

/** The whole document. */
export function page({ title, subtitle, sections }: Page): string {
  // The policy keeps a browser from running or fetching anything, should some text ever get past the escaping.
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<header><h1>${title}</h1><p>${subtitle}</p></header>
${sections}
</main>
</body>
</html>
`.text;
}

export function section(title: string, ...content: readonly Content[]): Html {
  return html`<section><h2>${title}</h2>${content}</section>\n`;
}

export interface Tile {
  readonly name: string;
  readonly figure: Content;
  readonly remark?: Content;
  readonly mood?: "good" | "bad" | undefined;
}

/** Figures that are to be seen first. */
export function tiles(all: readonly Tile[]): Html {
  return html`<div class="tiles">${all.map(
    ({ name, figure, remark, mood }) =>
      html`<div class="tile ${mood ?? ""}"><div class="name">${name}</div><div class="figure">${figure}</div><div class="remark">${remark}</div></div>`,
  )}</div>\n`;
}

/** Figures, and only they, are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly Content[])[], empty = "None."): Html {
  if (rows.length === 0) return html`<p class="muted">${empty}</p>\n`;
  const isFigure = head.map((_, column) => rows.every((row) => FIGURE.test(plain(row[column]))));
  const kind = (column: number) => (isFigure[column] ? "figure" : "");
  return html`<div class="scroll"><table>
<thead><tr>${head.map((name, column) => html`<th class="${kind(column)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, column) => html`<td class="${kind(column)}">${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>\n`;
}

const FIGURE = /^([-–±]?[\d.,]+( ?(bytes|[KMGT]iB|%|ms|s|min|h|d|±).*)?|–|)$/;

function plain(content: Content): string {
  return content instanceof Html ? content.text.replace(/<[^>]*>/g, "") : String(content ?? "");
}

export function code(text: string): Html {
  return html`<code>${text}</code>`;
}

export function badge(text: string, kind = ""): Html {
  return html`<span class="badge ${kind}">${text}</span>`;
}

export function list(items: readonly Content[]): Html {
  return html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>\n`;
}

/** Pictures or tables beside each other where there is room. */
export function beside(...parts: readonly Content[]): Html {
  return html`<div class="beside">${parts.map((part) => html`<div>${part}</div>`)}</div>\n`;
}

export function titled(title: string, picture: Content): Html {
  return html`<figure><figcaption>${title}</figcaption>${picture}</figure>\n`;
}
