/** Names keys that nobody knows by what their names have in common, without the part that may identify a person. */

/** Distinct names at most; further ones are counted together. */
const LIMIT = 100;
const WORD = /^[A-Za-z][A-Za-z_-]{0,31}$/;

export class NamePatterns {
  readonly #prefix: string;
  readonly #seen: Set<string>;

  constructor(prefix: string, seen: Iterable<string> = []) {
    this.#prefix = prefix;
    this.#seen = new Set(seen);
  }

  /** `threadr:ratelimit:10.0.0.1` → `threadr:ratelimit:*`; keys outside the prefix → `other:*`. */
  of(key: string): string {
    const inside = key.startsWith(this.#prefix);
    const name = (inside ? this.#prefix : "") + firstWord(inside ? key.slice(this.#prefix.length) : key);
    if (this.#seen.has(name)) return name;
    if (this.#seen.size >= LIMIT) return inside ? `${this.#prefix}*` : "*";
    this.#seen.add(name);
    return name;
  }
}

function firstWord(text: string): string {
  const [first, ...rest] = text.split(":") as [string, ...string[]];
  if (!WORD.test(first)) return "*";
  return rest.length > 0 ? `${first}:*` : first;
}
