/** Looks at records and counters in both stores at once, and says how they differ. */

import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { type Held, lastingDifference, sameHeld, stampOf } from "../../engine/difference.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import { VALUE_BYTES } from "../keyspace/record-page.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import type { FindingKind } from "./findings.js";

/** What stands for one id in both stores. */
export interface Pair {
  readonly redis: Held;
  readonly postgres: Held;
}

/** Reads without adopting anything. Parallel to `ids`. */
export async function lookAtBoth(
  context: BothStores,
  collection: BoundCollection,
  ids: readonly string[],
): Promise<Pair[]> {
  if (ids.length === 0) return [];
  const [redis, postgres] = await Promise.all([
    look(context, "redis", collection, ids),
    look(context, "postgres", collection, ids),
  ]);
  return ids.map((_, i) => ({ redis: redis[i] as Held, postgres: postgres[i] as Held }));
}

/** What stands in Redis for the first of the ids, as far as the values aren't great together; nothing where the first one is. */
export async function lookAhead(
  { redis }: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
): Promise<readonly Held[]> {
  const { held } = await redis.attempt((one) => one.inspectRecords(collection, ids, undefined, VALUE_BYTES), PAGE_MS);
  return held;
}

/** Of the first ids those that were looked at ahead, or if there are none the first one. Parallel to the first of `ids`. */
export async function lookAtSome(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  ahead: readonly Held[],
): Promise<Pair[]> {
  if (ahead.length === 0) return lookAtBoth(context, collection, ids.slice(0, 1));
  const postgres = await look(context, "postgres", collection, ids.slice(0, ahead.length));
  return ahead.map((redis, i) => ({ redis, postgres: postgres[i] as Held }));
}

export async function look(
  context: BothStores,
  store: StoreName,
  collection: BoundCollection,
  ids: readonly string[],
): Promise<readonly Held[]> {
  const guard = context[store];
  const reply = await (collection.kind === "records"
    ? guard.attempt((one) => one.inspectRecords(collection, ids), PAGE_MS)
    : guard.attempt((one) => one.inspectCounters(collection, ids), PAGE_MS));
  return reply.held;
}

/** How the two differ in what a reader would see; null: they agree. `now`: as of {@link lastingDifference}. */
export function differenceOf(
  collection: BoundCollection,
  pair: Pair,
  authority: StoreName,
  now: number,
): FindingKind | null {
  if (pair.redis.kind === "unreadable") return pair.redis.reason.includes("Redis type") ? "type" : "undecodable";
  return lastingDifference(collection, pair[authority], pair[otherStore(authority)], now);
}

/** Whether nothing happened to a record or counter between two looks at it. */
export function stoodStill(first: Pair, second: Pair): boolean {
  return sameHeld(first.redis, second.redis) && sameHeld(first.postgres, second.postgres);
}

/** The greater of the two stamps; 0 where neither has one. */
export function laterStamp({ redis, postgres }: Pair): number {
  return Math.max(stampOf(redis) ?? 0, stampOf(postgres) ?? 0);
}

/** For a record of its collection, or null. */
export function bytesOf(held: Held): Buffer | null {
  return held.kind === "value" && "bytes" in held ? held.bytes : null;
}

/** Why the collection doesn't allow what stands; null: it does, or nothing stands. */
export function issueOf(collection: BoundRecords<unknown> | BoundCounters, id: string, held: Held): string | null {
  const bytes = bytesOf(held);
  if (bytes === null || collection.kind !== "records") return null;
  try {
    collection.project(id, bytes);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
