/** Derives, from the function that makes a key, the one that takes it apart and the glob that lists it. */

/** What every definition may depend on besides the id. */
export interface KeyContext {
  /** The store's `keyPrefix` option, such as `threadr:`. */
  readonly prefix: string;
}

const MARKER = "\u0001id\u0001";

function around(key: (id: string) => string): { before: string; after: string } {
  const sample = key(MARKER);
  const at = sample.indexOf(MARKER);
  if (at < 0) return { before: sample, after: "" };
  return { before: sample.slice(0, at), after: sample.slice(at + MARKER.length) };
}

/** Takes off what `key` puts around an id; ids may hold any character, so nothing is split. */
export function parserFor(key: (id: string) => string): (text: string) => string | null {
  const { before, after } = around(key);
  return (text) => {
    if (!text.startsWith(before) || !text.endsWith(after)) return null;
    const id = text.slice(before.length, text.length - after.length);
    return id.length > 0 && key(id) === text ? id : null;
  };
}

/** A SCAN pattern for all keys that `key` makes. */
export function globFor(key: (id: string) => string): string {
  const { before, after } = around(key);
  return `${escapeGlob(before)}*${escapeGlob(after)}`;
}

/** What follows `prefix` and `name` in a key; null for a key that begins otherwise. Asked of each key of a keyspace: it makes no new text to compare with. */
export function restOfKey(key: string, prefix: string, name: string): string | null {
  return key.startsWith(prefix) && key.startsWith(name, prefix.length) ? key.slice(prefix.length + name.length) : null;
}

/** Makes text stand for itself in a Redis MATCH pattern. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}
