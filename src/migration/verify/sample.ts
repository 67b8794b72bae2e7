/** Which records a verify looks at, where it isn't asked for all of them. */
import { createHash, randomUUID } from "node:crypto";
import type { Issue } from "../../errors.js";
import { readTableSizes } from "../../stores/postgres/table-sizes.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";

/** A share of all records, above 0 and up to 1, or about so many at most. */
export type Sample = { readonly share: number } | { readonly records: number };

/** Says the same of a record whichever store it is met in. */
export type Takes = (collection: BoundCollection, id: string) => boolean;

/** What is wrong with a sample. */
export function sampleIssues(sample: Sample | undefined): Issue[] {
  if (sample === undefined) return [];
  if ("share" in sample)
    return sample.share > 0 && sample.share <= 1
      ? []
      : [{ path: "sample.share", message: "a number above 0 and up to 1" }];
  return Number.isSafeInteger(sample.records) && sample.records >= 1
    ? []
    : [{ path: "sample.records", message: "a whole number from 1" }];
}

/** The share that a sample is. A number of records becomes one by what the fuller store holds; the library's own keys count too. */
export async function shareOf(
  context: BothStores,
  collections: readonly BoundCollection[],
  sample: Sample,
): Promise<number> {
  if ("share" in sample) return sample.share;
  const [keys, tables] = await Promise.all([
    context.redis.attempt(({ connection }) => connection.client.dbsize(), PAGE_MS),
    context.postgres.attempt(({ sql }) => readTableSizes(sql, collections), PAGE_MS),
  ]);
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return Math.min(1, sample.records / Math.max(1, keys, rows));
}

/** Others each time, so that repeated samples come to see everything. */
export function takeShare(share: number): Takes {
  if (share === 1) return () => true;
  const salt = randomUUID();
  return ({ name }, id) =>
    createHash("sha1").update(`${salt}\0${name}\0${id}`).digest().readUInt32BE() < share * 2 ** 32;
}
