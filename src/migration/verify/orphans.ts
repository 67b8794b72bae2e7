/** Finds subscriptions and usage of people whom no sign-up names. Both stores may agree on them: they are no difference. */
import { hashKey } from "../../engine/events.js";
import { type Orphans, readOrphanedSubscriptions, readOrphanedUsage } from "../../stores/postgres/orphans.js";
import type { BothStores, BoundCollection } from "../migration-context.js";

export type { Orphans };

const READERS = { subscriptions: readOrphanedSubscriptions, usage: readOrphanedUsage } as const;
const EXAMPLES = 5;
/** Whole tables are read. Milliseconds. */
const READ_MS = 120_000;

/** Of those of the collections that belong to people, by Postgres's rows. Examples are hashes unless asked for as they are. */
export async function findOrphans(
  context: BothStores,
  collections: readonly BoundCollection[],
  showKeys: boolean,
): Promise<Partial<Record<keyof typeof READERS, Orphans>>> {
  const found: Partial<Record<keyof typeof READERS, Orphans>> = {};
  for (const name of ["subscriptions", "usage"] as const) {
    if (!collections.some((collection) => collection.name === name)) continue;
    const { count, examples } = await context.postgres.attempt(({ sql }) => READERS[name](sql, EXAMPLES), READ_MS);
    found[name] = { count, examples: showKeys ? examples : examples.map((owner) => hashKey(name, owner)) };
  }
  return found;
}
