/** Texts with fixed pieces and anything between them, matched without a regular expression: keys may be long and hostile. */

export class Wildcard {
  readonly #pieces: readonly string[];

  /** The fixed pieces in their order, with something between each two; a single one has to be the whole text. */
  constructor(pieces: readonly string[]) {
    this.#pieces = pieces;
  }

  /** From a text in which `*` stands for anything. */
  static of(text: string): Wildcard {
    return new Wildcard(text.split("*"));
  }

  /** Where the last fixed piece that isn't at the text's end begins; -1: it doesn't match. Read from the end, as ids are. */
  match(text: string): number {
    const [first = "", ...others] = this.#pieces;
    const last = others.pop();
    if (last === undefined) return text === first ? 0 : -1;
    if (!text.startsWith(first) || !text.endsWith(last)) return -1;
    let end = text.length - last.length;
    let place = -1;
    for (const piece of others.reverse()) {
      // At least one character stands between.
      const at = text.lastIndexOf(piece, end - piece.length - 1);
      if (at < 0) return -1;
      place = Math.max(place, at);
      end = at;
    }
    return end > first.length ? Math.max(place, 0) : -1;
  }
}
