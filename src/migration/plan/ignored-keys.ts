/** Keys that a backfill leaves alone, and why. */
import { escapeGlob } from "../../engine/key-pattern.js";
import { OWN_PREFIX } from "../../stores/redis/keys.js";
import { ADVICE, FOREIGN, type ForeignKind } from "../audit/foreign-table.js";
import type { Keyspace } from "../bind-collections.js";
import { derivedKeysOf } from "../keyspace/key-families.js";

export interface IgnoredKeys {
  readonly what: string;
  readonly patterns: readonly string[];
  readonly why: string;
}

const NAMES: Readonly<Record<ForeignKind, string>> = {
  queue: "queues of other libraries",
  lock: "locks",
  session: "sessions of other libraries",
  rateLimit: "rate limits",
  cache: "caches of other libraries",
  realtime: "channels and groups",
};

export function ignoredKeys({ collections, prefix }: Keyspace): IgnoredKeys[] {
  const derived = collections.flatMap(derivedKeysOf).map(({ pattern }) => pattern);
  return [
    { what: "sets that follow records", patterns: derived, why: "they are made from the records" },
    { what: "the library's own keys", patterns: [`${OWN_PREFIX}*`], why: "they tell of this migration" },
    ...(Object.keys(ADVICE) as ForeignKind[]).map((kind) => ({
      what: NAMES[kind],
      patterns: patternsOf(kind, prefix),
      why: ADVICE[kind].advice,
    })),
    { what: "everything else", patterns: ["*"], why: "no collection knows it; the audit counts and names it" },
  ];
}

function patternsOf(kind: ForeignKind, prefix: string): string[] {
  const names = FOREIGN.filter((one) => one.kind === kind).flatMap((one) => one.names);
  const plain = [...new Set(names)].filter((name) => /^[ -~]*$/.test(name));
  // Rate limits are the one kind that the legacy application has under its own prefix.
  return kind === "rateLimit" ? [`${escapeGlob(prefix)}ratelimit:*`, ...plain] : plain;
}
