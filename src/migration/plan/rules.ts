/** What becomes of a collection's keys, in words: each rule is there because its definition, or the code it names, makes it so. */
import { getTableName } from "drizzle-orm";
import { variantOf } from "../../collections/variants.js";
import { duration } from "../html/figures.js";
import type { KeyFamily } from "../keyspace/key-families.js";
import { derivedKeysOf } from "../keyspace/key-families.js";
import { mergeRules } from "../merge/merge-rules.js";
import type { BoundCollection } from "../migration-context.js";

/** What becomes of the expiry of keys like this one. */
export function expiryRule(collection: BoundCollection, exampleId: string): string {
  if (collection.kind === "records") return "as in Redis, to the millisecond";
  const asked = exampleId === "" ? null : counterExpiry(collection, exampleId);
  if (asked === null) return "as in Redis, to the millisecond; a new counter has none";
  const since = asked.renew ? "after its last use" : "after its first use";
  return `as in Redis, to the millisecond; a new counter ends ${duration(asked.ttlMs)} ${since}`;
}

export function rulesOf(collection: BoundCollection, families: readonly KeyFamily[], prefix: string): string[] {
  const table = getTableName(collection.table);
  return [
    ...(collection.kind === "records"
      ? [
          `A string's bytes stand in ${table}.sync_original as Redis has them, so fields that no column knows stay too; the typed columns are read from them.`,
          "A value that the collection doesn't allow is set aside in dual_write_rejects with its reason, and stops nothing else.",
        ]
      : [
          `What a key counted so far stands in ${table}.sync_redis_part; what is counted later with each store as the authority is added to its own part.`,
          "A value that isn't a whole number from 0 to 2^53 - 1 is set aside in dual_write_rejects with its reason.",
        ]),
    "A key of another Redis type than string, or whose name isn't UTF-8, is set aside.",
    "A row that is newer, or was deleted later, is never overwritten.",
    ...mergeRule(collection, families, prefix),
    ...indexRules(collection),
    ...derivedKeysOf(collection).map(
      ({ pattern }) => `The set ${pattern} follows the records: it is kept up to date in Redis, and isn't copied.`,
    ),
  ];
}

export const STATISTICS_RULES: readonly string[] = [
  "A row for each field of the hash: `threads_2026-11-20` is the metric `threads` in the bucket `2026-11-20`; a field without a date is in the empty bucket.",
  "Nothing mirrors these figures: each backfill brings them up to date.",
  "A field that isn't a whole number of 64 bits is set aside in dual_write_rejects with its reason.",
];

function counterExpiry(collection: Extract<BoundCollection, { kind: "counters" }>, id: string) {
  try {
    return collection.expiry(id);
  } catch {
    return null; // It is told of real ids only.
  }
}

/** Asked of a key of each kind with its example in capitals. */
function mergeRule(collection: BoundCollection, families: readonly KeyFamily[], prefix: string): string[] {
  const merges = families.some(({ example: { key } }) => {
    const rest = key.slice(prefix.length);
    const shouted = prefix + rest.replace(/[^\s:]+@[^\s:]+/, (email) => email.toUpperCase());
    return variantOf(shouted, prefix)?.collection === collection.name;
  });
  if (!merges) return [];
  const says = mergeRules[collection.name]?.says ?? "their counts are added up";
  return [`An email that isn't in lower case belongs to the record of the one that is: ${says}. Merges are counted.`];
}

function indexRules(collection: BoundCollection): string[] {
  if (collection.kind !== "records") return [];
  return Object.entries(collection.indexes).map(
    ([name, { column }]) =>
      `Found by ${name} as well: by the column ${column.name} in Postgres, by keys of the library's own in Redis, which the first backfill writes.`,
  );
}
