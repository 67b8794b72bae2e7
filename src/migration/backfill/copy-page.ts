/** Brings a page of the keyspace to Postgres and says how each of its keys ended. */

import type { CounterPage } from "../keyspace/counter-page.js";
import { STATISTICS } from "../keyspace/key-sorter.js";
import type { Listing, States } from "../keyspace/keyspace-page.js";
import type { RecordPage } from "../keyspace/record-page.js";
import { mergeVariants } from "../merge/merge-variants.js";
import type { BothStores } from "../migration-context.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { copyCounterPage } from "./copy-counters.js";
import { copyRecordPage } from "./copy-records.js";
import { readStatistics, type Statistics } from "./copy-statistics.js";

/** A key's end. */
export interface KeyEnd {
  readonly key: Buffer;
  /** The collection, or for an ignored key the pattern of its name. */
  readonly of: string;
  readonly ending: Ending;
}

/** @throws FencedError when the states' term has ended: read them again */
export async function copyPage(context: BothStores, listing: Listing, states: States, mark: string): Promise<KeyEnd[]> {
  const ends = endsWithoutCopy(listing);
  const now = states.read.now + Math.round(performance.now() - states.read.at);
  const copied = await Promise.all([
    ...states.records.map(async (page) => endsOf(page, await copyRecordPage(context, page, now, mark))),
    ...states.counters.map(async (page) => endsOf(page, await copyCounterPage(context, page, now, mark))),
  ]);
  ends.push(...copied.flat());
  // After the records that they belong to, so that these aren't met half-way.
  const merged = await mergeVariants(context, listing.variants, states.term);
  ends.push(...listing.variants.map(({ key, collection }, i) => endOf(key, collection.name, merged[i] as Ending)));
  if (listing.hasStatistics) ends.push(await copyStatistics(context));
  return ends;
}

/** Of keys that no collection of the plan can have. */
export function endsWithoutCopy(listing: Listing): KeyEnd[] {
  return [
    ...listing.ignored.map(({ key, pattern }) => ({ key, of: pattern, ending: ended("ignored") })),
    ...listing.odd.map(({ key, collection, reason }) => ({ key, of: collection.name, ending: setAside(reason, null) })),
  ];
}

export function endsOf({ collection, ids }: RecordPage | CounterPage, endings: readonly Ending[]): KeyEnd[] {
  return ids.map((id, i) => endOf(collection.redisKey(id), collection.name, endings[i] as Ending));
}

export function endOf(key: string, of: string, ending: Ending): KeyEnd {
  return { key: Buffer.from(key), of, ending };
}

async function copyStatistics(context: BothStores): Promise<KeyEnd> {
  const statistics = await readStatistics(context);
  const key = `${context.prefix}usage:stats`;
  if (statistics === null) return endOf(key, STATISTICS, ended("expired"));
  if (typeof statistics === "string") return endOf(key, STATISTICS, setAside(statistics, null));
  const changed = await context.evidence.putTimeseries(statistics.rows, statistics.readAt);
  const [odd] = statistics.odd;
  if (odd === undefined) return endOf(key, STATISTICS, ended(changed > 0 ? "copied" : "unchanged"));
  const which =
    statistics.odd.length === 1 ? `field "${odd.field}"` : `${statistics.odd.length} fields, such as "${odd.field}"`;
  return endOf(key, STATISTICS, setAside(`${which}: ${odd.reason}; the others were copied`, oddFields(statistics)));
}

function oddFields({ odd }: Statistics): Buffer {
  return Buffer.from(JSON.stringify(Object.fromEntries(odd.map(({ field, value }) => [field, value]))));
}
