/** Keeps the few greatest of very many. */

export class TopList<T> {
  readonly #limit: number;
  /** The greatest first. */
  readonly #kept: { readonly weight: number; readonly item: T }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether something of this weight would be kept; asked before an item is made. */
  admits(weight: number): boolean {
    return this.#kept.length < this.#limit || (this.#limit > 0 && weight > (this.#kept.at(-1)?.weight ?? 0));
  }

  add(weight: number, item: T): void {
    if (!this.admits(weight)) return;
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#kept[middle]?.weight ?? 0) >= weight) low = middle + 1;
      else high = middle;
    }
    this.#kept.splice(low, 0, { weight, item });
    if (this.#kept.length > this.#limit) this.#kept.pop();
  }

  get items(): T[] {
    return this.#kept.map(({ item }) => item);
  }
}
