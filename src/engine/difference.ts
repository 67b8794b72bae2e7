/** How what two stores hold of one record or counter differs. */
import type { Collection } from "../stores/collection.js";
import type { HeldCounter, HeldRecord } from "../stores/store.js";
import type { DivergenceKind } from "./events.js";

export type Held = HeldRecord | HeldCounter;

type Difference = Exclude<DivergenceKind, "bypass-overwritten">;

/** What ends as soon as this is judged by two clocks. Milliseconds. */
const CLOCKS_MS = 2000;

/** How two stores differ in what a reader would see; null: they agree. */
export function differenceOf(collection: Collection, authority: Held, mirror: Held): Difference | null {
  return collection.kind === "records"
    ? recordDifference(authority as HeldRecord, mirror as HeldRecord)
    : counterDifference(authority as HeldCounter, mirror as HeldCounter);
}

/**
 * The same, but for what has ended by the clock of one store and not of the other. `now`: the later of the two servers' clocks,
 * milliseconds since the epoch.
 */
export function lastingDifference(
  collection: Collection,
  authority: Held,
  mirror: Held,
  now: number,
): Difference | null {
  const kind = differenceOf(collection, authority, mirror);
  const isOver = kind === "missing" ? endsSoon(authority, now) : kind === "extra" && endsSoon(mirror, now);
  return isOver ? null : kind;
}

function endsSoon(held: Held, now: number): boolean {
  return "expiresAt" in held && held.expiresAt !== null && held.expiresAt <= now + CLOCKS_MS;
}

/** How two stores' records differ in what a reader would see; null: they agree. */
export function recordDifference(authority: HeldRecord, mirror: HeldRecord): Difference | null {
  if (authority.kind !== "value") return mirror.kind === "value" ? "extra" : null;
  if (mirror.kind !== "value") return "missing";
  if (!authority.bytes.equals(mirror.bytes)) return "value";
  return sameMoment(authority.expiresAt, mirror.expiresAt) ? null : "expiry";
}

/** The same of counters: one that isn't there counts 0. */
export function counterDifference(authority: HeldCounter, mirror: HeldCounter): Difference | null {
  const [mine, theirs] = [sumOf(authority), sumOf(mirror)];
  if (mine !== theirs) return theirs === 0 ? "missing" : mine === 0 ? "extra" : "value";
  if (authority.kind !== "value" || mirror.kind !== "value") return null;
  return sameMoment(authority.expiresAt, mirror.expiresAt) ? null : "expiry";
}

/** What a counter stands at. */
export function sumOf(held: HeldCounter): number {
  return held.kind === "value" ? held.redisPart + held.postgresPart : 0;
}

/** Null where nothing is known. */
export function stampOf(held: Held): number | null {
  return "stamp" in held ? held.stamp : null;
}

/** Whether nothing happened to it between two looks. */
export function sameHeld(a: Held, b: Held): boolean {
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

/** Redis's older versions give an expiry to within a millisecond. */
function sameMoment(a: number | null, b: number | null): boolean {
  return a === b || (a !== null && b !== null && Math.abs(a - b) <= 1);
}
