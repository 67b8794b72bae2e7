/**
 * The mark that a full repair log leaves: entries were left out, so only a copy of everything brings the mirror up to date. It goes
 * when a run has ended that began after the last entry was left out.
 */
import type { Collection } from "../../stores/collection.js";
import { controlKeys } from "../../stores/redis/keys.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";

/** By collection: the stamp of the last entry that was left out. */
export type Overflows = Readonly<Record<string, string>>;

export async function readOverflows(context: BothStores, collections: readonly Collection[]): Promise<Overflows> {
  const marks: [string, string][] = [];
  for (const { name } of collections) {
    const mark = await context.redis.attempt(
      ({ connection }) => connection.client.get(controlKeys.overflow(name)),
      PAGE_MS,
    );
    if (mark !== null) marks.push([name, mark]);
  }
  return Object.fromEntries(marks);
}

export function sameOverflows(a: Overflows, b: Overflows): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Takes the mark away if it is still `expected`. False: more entries were left out meanwhile, and it stands. */
export function clearOverflow(
  context: BothStores,
  collection: Collection,
  expected: string | undefined,
): Promise<boolean> {
  return context.redis.attempt((store) => store.forgetOverflow(collection, expected ?? ""), PAGE_MS);
}
