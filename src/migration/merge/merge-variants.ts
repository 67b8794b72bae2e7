/** Merges what stands under other spellings of an email into the records and counters they belong to. */

import type { VariantKey } from "../keyspace/keyspace-page.js";
import type { BothStores } from "../migration-context.js";
import type { Ending } from "../run/ending.js";
import { mergeCounterVariant } from "./merge-counters.js";
import { mergeRecordVariant } from "./merge-records.js";

/** Merges under way at once; those into one record follow each other. */
const AT_ONCE = 8;

/** One ending for each variant. @throws FencedError when `term` isn't Redis's any more */
export async function mergeVariants(
  context: BothStores,
  variants: readonly VariantKey[],
  term: number,
): Promise<Ending[]> {
  const endings = new Map<VariantKey, Ending>();
  const groups = groupByRecord(variants);
  const work = async () => {
    for (let group = groups.shift(); group; group = groups.shift()) {
      for (const variant of group) endings.set(variant, await merge(context, variant, term));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return variants.map((variant) => endings.get(variant) as Ending);
}

function merge(context: BothStores, { collection, key, id }: VariantKey, term: number): Promise<Ending> {
  return collection.kind === "records"
    ? mergeRecordVariant(context, collection, key, id, term)
    : mergeCounterVariant(context, collection, key, id, term);
}

function groupByRecord(variants: readonly VariantKey[]): VariantKey[][] {
  const groups = new Map<string, VariantKey[]>();
  for (const variant of variants) {
    const name = `${variant.collection.name} ${variant.id}`;
    const group = groups.get(name);
    if (group) group.push(variant);
    else groups.set(name, [variant]);
  }
  return [...groups.values()];
}
