/** A page of Redis's keyspace to be compared: what stands there is read ahead, but for great values, which come one after another. */

import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import type { Held } from "../../engine/difference.js";
import type { KeySorter } from "../keyspace/key-sorter.js";
import { type Listing, listPage } from "../keyspace/keyspace-page.js";
import type { BothStores, BoundCollection } from "../migration-context.js";
import type { Takes } from "./sample.js";
import { bytesOf, lookAhead, lookAtBoth, lookAtSome, type Pair } from "./side-by-side.js";

/** What of a page is compared. */
export interface RedisPage extends Pick<Listing, "next" | "scanned" | "records" | "counters" | "variants" | "odd"> {
  /** For each collection of records what stands under its first ids, without great values. */
  readonly ahead: ReadonlyMap<BoundRecords<unknown>, readonly Held[]>;
}

export interface Looked {
  readonly collection: BoundCollection;
  readonly ids: readonly string[];
  /** Parallel to `ids`. */
  readonly pairs: readonly Pair[];
}

export async function listRedisPage(
  context: BothStores,
  { server, sorter, takes }: { readonly server: string; readonly sorter: KeySorter; readonly takes: Takes },
  cursor: string,
  count: number,
): Promise<RedisPage> {
  const listing = sampled(await listPage(context, sorter, server, cursor, { count }), takes);
  const ahead = await Promise.all(
    [...listing.records].map(
      async ([collection, ids]) => [collection, await lookAhead(context, collection, ids)] as const,
    ),
  );
  return { ...listing, ahead: new Map(ahead) };
}

/** Everything of the page but its rest. */
export function lookAtPage(context: BothStores, { records, counters, ahead }: RedisPage): Promise<Looked[]> {
  const lookAtCounters = async (collection: BoundCounters, ids: readonly string[]) => {
    return { collection, ids, pairs: await lookAtBoth(context, collection, ids) };
  };
  const lookAtRecords = async (collection: BoundRecords<unknown>, ids: readonly string[]) => {
    const redis = ahead.get(collection) ?? [];
    const some = ids.slice(0, redis.length);
    return { collection, ids: some, pairs: some.length > 0 ? await lookAtSome(context, collection, some, redis) : [] };
  };
  return Promise.all([
    ...[...records].map(([collection, ids]) => lookAtRecords(collection, ids)),
    ...[...counters].map(([collection, ids]) => lookAtCounters(collection, ids)),
  ]);
}

/** What wasn't read ahead, some at a time. */
export async function lookAtRest(
  context: BothStores,
  collection: BoundRecords<unknown>,
  rest: readonly string[],
): Promise<Looked> {
  const pairs = await lookAtSome(context, collection, rest, await lookAhead(context, collection, rest));
  return { collection, ids: rest.slice(0, pairs.length), pairs };
}

/** From the first great value on. */
export function restOf({ records, ahead }: RedisPage): (readonly [BoundRecords<unknown>, readonly string[]])[] {
  return [...records].map(([collection, ids]) => [collection, ids.slice(ahead.get(collection)?.length)] as const);
}

/** Of values. Bytes. */
export function sizeOf(all: readonly Held[]): number {
  return all.reduce((sum, held) => sum + (bytesOf(held)?.length ?? 0), 0);
}

function sampled(page: Listing, takes: Takes): Omit<RedisPage, "ahead"> {
  const some = <C extends BoundCollection>(ids: ReadonlyMap<C, readonly string[]>) =>
    new Map([...ids].map(([collection, all]) => [collection, all.filter((id) => takes(collection, id))] as const));
  return {
    next: page.next,
    scanned: page.scanned,
    records: some(page.records),
    counters: some(page.counters),
    variants: page.variants.filter(({ collection, key }) => takes(collection, key)),
    odd: page.odd.filter(({ collection, key }) => takes(collection, key.toString())),
  };
}
