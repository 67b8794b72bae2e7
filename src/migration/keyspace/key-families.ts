/** The kinds of key that a collection has, and the sets that follow its records: derived from its definition. */
import { escapeGlob } from "../../engine/key-pattern.js";
import type { BoundCollection } from "../migration-context.js";
import { Wildcard } from "./wildcard.js";

/** One kind of key of a collection. */
export interface KeyFamily {
  readonly collection: BoundCollection;
  /** As a SCAN pattern. */
  readonly pattern: string;
  readonly shape: Wildcard;
  /** A made-up id of this kind, and its key. */
  readonly example: { readonly id: string; readonly key: string };
}

/** A Redis set that follows a collection's records. */
export interface DerivedKey {
  readonly collection: BoundCollection;
  readonly pattern: string;
  readonly shape: Wildcard;
}

const VARYING = /\{([^{}]*)\}/g;

/** At least one; a collection whose example can't be used has its whole pattern as its only kind. */
export function familiesOf(collection: BoundCollection): KeyFamily[] {
  const families = collection.examples.flatMap((example) => family(collection, example) ?? []);
  return families.length > 0 ? families : [whole(collection)];
}

/** The kind to which a key of the collection belongs. Of two that fit the one whose fixed parts end later. */
export function familyOf(families: readonly KeyFamily[], key: string): KeyFamily {
  let best = families[0] as KeyFamily;
  let greatest = -1;
  for (const one of families) {
    const end = one.shape.match(key);
    if (end <= greatest) continue;
    best = one;
    greatest = end;
  }
  return best;
}

export function derivedKeysOf(collection: BoundCollection): DerivedKey[] {
  if (collection.kind !== "records") return [];
  const found = new Map<string, DerivedKey>();
  for (const template of collection.examples) {
    for (const { key } of membershipsOf(collection, template.replace(VARYING, "$1"))) {
      const pieces = cut(key, varyingOf(template));
      const pattern = globOf(pieces);
      found.set(pattern, { collection, pattern, shape: new Wildcard(pieces) });
    }
  }
  return [...found.values()];
}

function family(collection: BoundCollection, template: string): KeyFamily | null {
  const id = template.replace(VARYING, "$1");
  let key: string;
  try {
    key = collection.redisKey(id);
    if (collection.parseKey(key) !== id) return null;
  } catch {
    return null; // The collection has no such id.
  }
  const pieces = cut(key, varyingOf(template));
  if (pieces.length < 2) return null;
  return { collection, pattern: globOf(pieces), shape: new Wildcard(pieces), example: { id, key } };
}

function whole(collection: BoundCollection): KeyFamily {
  return { collection, pattern: collection.pattern, shape: new Wildcard(["", ""]), example: { id: "", key: "" } };
}

function membershipsOf(collection: Extract<BoundCollection, { kind: "records" }>, id: string) {
  try {
    return collection.memberships(id, null);
  } catch {
    return []; // It wants another id, so it has no set that could be told beforehand.
  }
}

function varyingOf(template: string): string[] {
  return [...template.matchAll(VARYING)].map(([, part]) => part as string).filter((part) => part !== "");
}

/** What of a key stays the same, around what differs. */
function cut(key: string, varying: readonly string[]): string[] {
  const pieces: string[] = [];
  let rest = key;
  for (const part of varying) {
    const at = rest.indexOf(part);
    if (at < 0) continue;
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at + part.length);
  }
  return [...pieces, rest];
}

function globOf(pieces: readonly string[]): string {
  return pieces.map(escapeGlob).join("*");
}
