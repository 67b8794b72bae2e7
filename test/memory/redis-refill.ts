/** What a Redis does to one counter's state that is brought to it: as a mirror, and as an authority that lost its memory. */
import { COUNTER_OPERATIONS, type CounterState, mergeCounters, nextStamp } from "../../src/stores/state.js";
import type { ApplyResult } from "../../src/stores/store.js";
import { type CounterSituation, type RedisCounters, sumOf } from "./redis-counters.js";
import { joined } from "./redis-records.js";

export function applyCounter(counters: RedisCounters, id: string, state: CounterState): ApplyResult {
  const s = counters.look(id);
  if (s.unreadable) return { kind: "rejected", reason: s.unreadable };
  // Nothing is missing in an authority that is complete, nor in one that was closed: it may be opened again.
  if (counters.complete && counters.fence?.role !== "mirror") return kept(s, counters.standing(s), state);
  if (counters.fence?.role !== "authority") return mirror(counters, s, state);
  if (counters.isCompared(s)) return kept(s, counters.standing(s), state);
  return refill(counters, id, s, state);
}

/** The greater generation whole, else the greater of each part. A bypass writer's counts aren't believed, only the companion's. */
function mirror(counters: RedisCounters, s: CounterSituation, state: CounterState): ApplyResult {
  const held = s.companion || state.stamp > 0 ? s.known : (counters.standing(s) ?? s.known);
  const merged = held ? mergeCounters(held, state) : state;
  const stands = s.sum !== null || counters.server.isPast(merged.expiresAt);
  const isOther = s.sum !== sumOf(merged) || (s.entry?.expiresAt ?? null) !== merged.expiresAt;
  const changed = s.sum !== null && isOther && state.stamp >= (held?.stamp ?? 0);
  if (held && !changed && stands && state.stamp <= held.stamp && sameParts(merged, held)) return kept(s, held, state);
  const overwrote = s.companion ? counters.isChanged(s) : s.sum !== null && s.sum !== sumOf(merged);
  if (merged.stamp > 0) counters.put(s.key, merged);
  else counters.server.set(s.key, Buffer.from(String(sumOf(merged))), merged.expiresAt);
  return overwrote ? { kind: "applied", overwrote } : { kind: "applied" };
}

/** What stands in an authority that lost its memory, brought together with what the other store counted. */
function refill(counters: RedisCounters, id: string, s: CounterSituation, state: CounterState): ApplyResult {
  const over = counters.server.isPast(state.expiresAt);
  const together = s.sum === null ? refillAbsent(counters, s, state) : refillStanding(counters, s, s.sum, state, over);
  if (!together) return { kind: "kept", stamp: counters.adopt(id, state), same: false };
  const isTold = sameParts(together, state) && together.expiresAt === state.expiresAt;
  const stamp = Math.max(state.stamp, s.known?.stamp ?? 0);
  if (isTold) counters.put(s.key, { ...together, stamp });
  else {
    // The other store doesn't know just this yet.
    const above = nextStamp("redis", counters.server.micros(), stamp);
    counters.put(s.key, { ...together, stamp: above });
    counters.log(id, above);
  }
  return { kind: "applied" };
}

/** Null: a bypass writer deleted it, for key and companion come back together with a snapshot. */
function refillAbsent(counters: RedisCounters, { known }: CounterSituation, state: CounterState): CounterState | null {
  if (!known) return state;
  const ended = counters.server.isPast(known.expiresAt);
  if (isNewer(state, known) && (ended || state.stamp > known.stamp)) return asTold(state, known);
  return ended ? known : null;
}

/**
 * Of two states the newer one wins whole: the older one may be a branch that another loss cut off, and what bypass writers did to it
 * the newer one may know. What this memory counted since its loss is added. Null: what stands outlives what the other store counted, and
 * begins anew.
 */
function refillStanding(
  counters: RedisCounters,
  s: CounterSituation,
  sum: number,
  state: CounterState,
  over: boolean,
): CounterState | null {
  const trusted = counters.fence?.bareTrusted ?? false;
  const expiresAt = s.entry?.expiresAt ?? null;
  const { known } = s;
  if (!known) {
    // A snapshot's bare sum the other store knows of; after a full loss all that stands was counted since.
    if (!trusted && state.stamp > 0) return state;
    if (over) return null;
    if (trusted) return { ...state, redisPart: state.redisPart + sum };
    return { ...state, redisPart: Math.max(state.redisPart, sum), expiresAt };
  }
  const newer = isNewer(state, known);
  const later = state.stamp > known.stamp;
  if (s.fell) return newer && later && !trusted ? asTold(state, known) : null;
  const since = sum - sumOf(known);
  if (newer && (since === 0 || (later && !trusted))) return asTold(state, known);
  // Nobody knows which of its operations it counted since.
  const operations = state.generation < known.generation ? known.operations : operationsOfBoth(state, known);
  if (newer && over) {
    const generation = Math.max(counters.server.micros(), state.generation + 1);
    return { ...state, generation, redisPart: since, postgresPart: 0, expiresAt, operations };
  }
  const base = newer ? state : mergeCounters(known, state);
  const life = newer && later ? state.expiresAt : expiresAt;
  return { ...base, redisPart: base.redisPart + since, expiresAt: life, operations };
}

/** What counted later than the state told, alone, may be of a lesser generation, since it knew nothing of that one. */
function asTold(state: CounterState, known: CounterState): CounterState {
  return state.stamp > known.stamp ? state : { ...state, operations: operationsOfBoth(state, known) };
}

function operationsOfBoth(state: CounterState, known: CounterState): string[] {
  const [older, later] = state.stamp > known.stamp ? [known, state] : [state, known];
  return joined(older.operations, later.operations, COUNTER_OPERATIONS);
}

function isNewer(state: CounterState, known: CounterState): boolean {
  if (state.generation !== known.generation) return state.generation > known.generation;
  return state.stamp > known.stamp;
}

function kept(s: CounterSituation, held: CounterState | null, state: CounterState): ApplyResult {
  const same = held !== null && sameParts(held, state) && held.expiresAt === state.expiresAt;
  return { kind: "kept", stamp: s.known?.stamp ?? 0, same };
}

function sameParts(a: CounterState, b: CounterState): boolean {
  return a.generation === b.generation && a.redisPart === b.redisPart && a.postgresPart === b.postgresPart;
}
