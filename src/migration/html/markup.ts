/** HTML in which whatever is filled in is escaped, unless it is HTML made here itself. */

/** Markup that may stand in a page as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Html | string | number | null | undefined | false | readonly Content[];

/**
 * @example
 * html`<p title="${name}">${count} keys</p>`;
 */
export function html(literals: TemplateStringsArray, ...filled: readonly Content[]): Html {
  return new Html(literals.map((literal, n) => literal + textOf(filled[n])).join(""));
}

function textOf(content: Content): string {
  if (content === null || content === undefined || content === false) return "";
  if (content instanceof Html) return content.text;
  if (Array.isArray(content)) return content.map(textOf).join("");
  return escapeHtml(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
/** Control characters have no place in a page; those that turn the direction of writing would let one text pose as another. */
const UNSEEN = /[^\P{C}\n\t\u00ad\u200c\u200d]/gu;

/** Safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(UNSEEN, "\ufffd").replace(/[&<>"']/g, (char) => ENTITIES[char] as string);
}
