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
  const changed = s.sum !== null && s.sum !== sumOf(merged) && state.stamp >= (held?.stamp ?? 0);
  if (held && !changed && stands && state.stamp <= held.stamp && sameParts(merged, held)) return kept(s, held, state);
  const overwrote = s.sum !== null && s.sum !== (s.companion ? s.companion.lastSum : sumOf(merged));
  if (merged.stamp > 0) counters.put(s.key, merged);
  else counters.server.set(s.key, Buffer.from(String(sumOf(merged))), merged.expiresAt);
  return overwrote ? { kind: "applied", overwrote } : { kind: "applied" };
}

/** What stands in an authority that lost its memory, brought together with what the other store counted. */
function refill(counters: RedisCounters, id: string, s: CounterSituation, state: CounterState): ApplyResult {
  const together = s.sum === null ? refillAbsent(counters, s, state) : refillStanding(counters, s, s.sum, state);
  if (!together) return { kind: "kept", stamp: counters.adopt(id, state), same: false };
  if (sameParts(together, state)) {
    counters.put(s.key, together);
    return { kind: "applied" };
  }
  // The other store doesn't know this sum yet.
  const stamp = nextStamp("redis", counters.server.micros(), Math.max(together.stamp, s.known?.stamp ?? 0));
  counters.put(s.key, { ...together, stamp });
  counters.log(id, stamp);
  return { kind: "applied" };
}

/** Null: a bypass writer deleted it, for key and companion come back together with a snapshot. */
function refillAbsent(counters: RedisCounters, { known }: CounterSituation, state: CounterState): CounterState | null {
  if (!known) return state;
  const newer = state.generation > known.generation || state.stamp > known.stamp;
  return newer || sumOf(known) === 0 || counters.server.isPast(known.expiresAt) ? mergeCounters(known, state) : null;
}

/** Null: nothing of the other store's counts here any more, what stands begins anew. */
function refillStanding(
  counters: RedisCounters,
  s: CounterSituation,
  sum: number,
  state: CounterState,
): CounterState | null {
  if (s.fell || counters.server.isPast(state.expiresAt)) return null;
  const expiresAt = s.entry?.expiresAt ?? null;
  if (!s.known) {
    // After a full loss all that stands was counted since; a snapshot's bare sum the other store knows of.
    if (counters.fence?.bareTrusted) return { ...state, redisPart: state.redisPart + sum };
    return mergeCounters(
      { generation: 0, redisPart: sum, postgresPart: 0, stamp: 0, expiresAt, operations: [] },
      state,
    );
  }
  const merged = mergeCounters(s.known, state);
  return {
    ...merged,
    redisPart: merged.redisPart + sum - sumOf(s.known),
    operations: joined(s.known.operations, state.operations, COUNTER_OPERATIONS),
    expiresAt: state.stamp > s.known.stamp ? state.expiresAt : expiresAt,
  };
}

function kept(s: CounterSituation, held: CounterState | null, state: CounterState): ApplyResult {
  const same = held !== null && sameParts(held, state) && held.expiresAt === state.expiresAt;
  return { kind: "kept", stamp: s.known?.stamp ?? 0, same };
}

function sameParts(a: CounterState, b: CounterState): boolean {
  return a.generation === b.generation && a.redisPart === b.redisPart && a.postgresPart === b.postgresPart;
}
