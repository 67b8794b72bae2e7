/** Looks at records and counters in both stores at once, and says how they differ. */

import { difference } from "../../engine/comparison.js";
import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import type { HeldCounter, HeldRecord } from "../../stores/store.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import type { FindingKind } from "./findings.js";

type Held = HeldRecord | HeldCounter;

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

function recordDifference(authority: HeldRecord, mirror: HeldRecord): FindingKind | null {
  const kind = difference(authority, mirror);
  return kind === "bypass-overwritten" ? null : kind;
}

function counterDifference(authority: HeldCounter, mirror: HeldCounter): FindingKind | null {
  const [mine, theirs] = [sumOf(authority), sumOf(mirror)];
  if (mine !== theirs) return theirs === 0 ? "missing" : mine === 0 ? "extra" : "value";
  if (authority.kind !== "value" || mirror.kind !== "value") return null;
  return sameMoment(authority.expiresAt, mirror.expiresAt) ? null : "expiry";
}

/** What a counter stands at; one that isn't there counts 0. */
export function sumOf(held: HeldCounter): number {
  return held.kind === "value" ? held.redisPart + held.postgresPart : 0;
}

/** Redis's older versions give an expiry to within a millisecond. */
function sameMoment(a: number | null, b: number | null): boolean {
  return a === b || (a !== null && b !== null && Math.abs(a - b) <= 1);
}

function endsSoon(held: Held, now: number): boolean {
  return "expiresAt" in held && held.expiresAt !== null && held.expiresAt <= now + CLOCKS_MS;
}

/** Whether nothing happened to a record or counter between two looks at it. */
export function stoodStill(first: Pair, second: Pair): boolean {
  return sameHeld(first.redis, second.redis) && sameHeld(first.postgres, second.postgres);
}

function sameHeld(a: Held, b: Held): boolean {
  if (a.kind !== b.kind || stampOf(a) !== stampOf(b)) return false;
  if (a.kind !== "value" || b.kind !== "value") return true;
  if (!sameMoment(a.expiresAt, b.expiresAt)) return false;
  if ("bytes" in a && "bytes" in b) return a.bytes.equals(b.bytes);
  return (
    "generation" in a &&
    "generation" in b &&
    a.generation === b.generation &&
    a.redisPart === b.redisPart &&
    a.postgresPart === b.postgresPart
  );
}

/** Null where nothing is known. */
export function stampOf(held: Held): number | null {
  return "stamp" in held ? held.stamp : null;
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
