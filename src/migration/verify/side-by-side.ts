/** Looks at records and counters in both stores at once, and says how they differ. */

import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { counterDifference, type Held, recordDifference, sameHeld } from "../../engine/difference.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import type { HeldCounter, HeldRecord } from "../../stores/store.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import type { FindingKind } from "./findings.js";

/** What stands for one id in both stores. */
export interface Pair {
  readonly redis: Held;
  readonly postgres: Held;
}

/** What ends as soon as this is judged by two clocks. Milliseconds. */
const CLOCKS_MS = 2000;

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

/** How the two differ in what a reader would see; null: they agree. `now`: milliseconds since the epoch. */
export function differenceOf(
  collection: BoundCollection,
  pair: Pair,
  authority: StoreName,
  now: number,
): FindingKind | null {
  if (pair.redis.kind === "unreadable") return pair.redis.reason.includes("Redis type") ? "type" : "undecodable";
  const [mine, theirs] = [pair[authority], pair[otherStore(authority)]];
  const kind =
    collection.kind === "records"
      ? recordDifference(mine as HeldRecord, theirs as HeldRecord)
      : counterDifference(mine as HeldCounter, theirs as HeldCounter);
  return (kind === "missing" || kind === "extra") && endsSoon(kind === "missing" ? mine : theirs, now) ? null : kind;
}

function endsSoon(held: Held, now: number): boolean {
  return "expiresAt" in held && held.expiresAt !== null && held.expiresAt <= now + CLOCKS_MS;
}

/** Whether nothing happened to a record or counter between two looks at it. */
export function stoodStill(first: Pair, second: Pair): boolean {
  return sameHeld(first.redis, second.redis) && sameHeld(first.postgres, second.postgres);
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
