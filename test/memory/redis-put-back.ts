/** What a Redis does to one record's state that is brought to it: as a mirror, and as an authority that lost its memory. */
import type { RecordState } from "../../src/stores/state.js";
import type { ApplyResult } from "../../src/stores/store.js";
import { FOLLOWED_BY_OTHER, OTHER_TYPE, type RedisRecords, type Situation } from "./redis-records.js";

export function applyRecord(records: RedisRecords, id: string, given: RecordState): ApplyResult {
  const s = records.look(id);
  if (s.unreadable) return { kind: "rejected", reason: OTHER_TYPE };
  const state: RecordState = given.bytes === null ? { ...given, expiresAt: null } : given;
  const authority = records.fence?.role === "authority";
  // Nothing is missing in an authority that is complete, nor in one that was closed: it may be opened again.
  if (records.complete && records.fence?.role !== "mirror")
    return { kind: "kept", stamp: s.stamp, same: state.stamp === s.stamp && isSame(records, s, state) };
  if (authority ? putsBack(records, s, state) : beats(records, s, state)) return apply(records, id, s, state);
  if (authority && isBypassWork(records, s, state)) {
    return { kind: "kept", stamp: records.adopt(id, state.stamp, state.operations), same: false };
  }
  markCompared(records, s);
  return { kind: "kept", stamp: s.stamp, same: state.stamp === s.stamp && isSame(records, s, state) };
}

/** In a mirror a state that is newer wins, and over a bypass writer's change also the very state that was changed. */
function beats(records: RedisRecords, s: Situation, state: RecordState): boolean {
  if (state.stamp === 0) return s.value === null && !s.companion;
  return state.stamp > s.stamp || (state.stamp === s.stamp && records.isChanged(s, true));
}

/** In an authority only a memory loss leaves room for a state from elsewhere. */
function putsBack(records: RedisRecords, s: Situation, state: RecordState): boolean {
  if (s.value === null && !s.companion) return true;
  if (state.stamp <= s.stamp) return false;
  // What a bypass writer changed after the comparison stays; before it, only what came after a loss of everything.
  if (records.isChanged(s, true)) return !records.isCompared(s) && (s.value === null || !records.fence?.bareTrusted);
  return !records.isBare(s) || !records.fence?.bareTrusted;
}

/** What a kept bypass writer's change is. A bare value that the other store knows just so needs no stamp. */
function isBypassWork(records: RedisRecords, s: Situation, state: RecordState): boolean {
  if (records.isChanged(s, true)) return true;
  return records.isBare(s) && !(state.stamp === 0 && isSame(records, s, state));
}

function apply(records: RedisRecords, id: string, s: Situation, state: RecordState): ApplyResult {
  if (!records.canFollow(id, state.bytes)) return { kind: "rejected", reason: FOLLOWED_BY_OTHER };
  const bypassed = records.isBare(s) || records.isChanged(s, true);
  const overwrote = bypassed && !isSame(records, s, state, true);
  // Its own operations only: it needn't descend from what it replaces.
  records.put(id, state, true);
  return overwrote ? { kind: "applied", overwrote } : { kind: "applied" };
}

/** Whether what stands is what the state says. `content`: even if a bypass writer put it there. */
function isSame(records: RedisRecords, s: Situation, state: RecordState, content = false): boolean {
  if (!content && records.isChanged(s, true)) return false;
  const live = state.bytes !== null && !records.server.isPast(state.expiresAt) ? state.bytes : null;
  if (live === null || s.value === null) return live === s.value;
  return live.equals(s.value) && state.expiresAt === (s.entry?.expiresAt ?? null);
}

function markCompared(records: RedisRecords, s: Situation): void {
  const { fence, server } = records;
  if (!fence || records.isCompared(s)) return;
  if (s.companion) server.memory.records.set(s.key, { ...s.companion, term: fence.term });
  else if (s.value && fence.role === "authority")
    records.tell(s.key, { stamp: 0, bytes: s.value, expiresAt: s.entry?.expiresAt ?? null, operations: [] });
}
