/** What a Redis does to one record in one step: look, write, adopt. `redis-put-back.ts` has what it does to a state that is brought. */
import type { RecordCollection } from "../../src/stores/collection.js";
import {
  nextStamp,
  RECORD_OPERATIONS,
  type RecordState,
  rememberOperation,
  type Stamp,
} from "../../src/stores/state.js";
import type { HeldRecord, RecordWrite, RecordWriteResult } from "../../src/stores/store.js";
import { isComplete, type StoredFence } from "./control.js";
import type { MemoryRedisServer, RecordCompanion, RedisEntry } from "./redis-server.js";

export const OTHER_TYPE = "the key holds another Redis type";
export const FOLLOWED_BY_OTHER = "a set that follows the record is a key of another Redis type";

/** What stands under a key and its companion. */
export interface Situation {
  readonly key: string;
  readonly entry: RedisEntry | undefined;
  /** The live string; null where none stands. */
  readonly value: Buffer | null;
  readonly unreadable: boolean;
  readonly companion: RecordCompanion | undefined;
  readonly stamp: Stamp;
}

export class RedisRecords {
  constructor(
    readonly server: MemoryRedisServer,
    readonly collection: RecordCollection,
    readonly fence: StoredFence | null,
    readonly logLimit: number,
  ) {}

  get complete(): boolean {
    return this.fence !== null && isComplete(this.fence, this.collection.name);
  }

  look(id: string): Situation {
    const key = this.collection.redisKey(id);
    const entry = this.server.get(key);
    const companion = this.server.recordCompanion(key);
    const value = entry && Buffer.isBuffer(entry.value) ? entry.value : null;
    return {
      key,
      entry,
      value,
      unreadable: entry !== undefined && value === null,
      companion,
      stamp: companion?.stamp ?? 0,
    };
  }

  /** Seen equal to or newer than the other store's since the last memory loss. */
  isCompared(s: Situation): boolean {
    return this.complete || (s.companion !== undefined && s.companion.term === this.fence?.term);
  }

  /** Nothing is known of the value: the library neither wrote nor compared it. */
  isBare(s: Situation): boolean {
    return s.value !== null && !s.companion;
  }

  /** What stands isn't what the companion tells of. A plain read (`exact` false) can't see a key's own expiry. */
  isChanged(s: Situation, exact: boolean): boolean {
    const { companion, value, entry } = s;
    if (!companion) return false;
    if (value === null) return this.isVanished(s);
    if (companion.bytes === null || !companion.bytes.equals(value)) return true;
    return exact ? companion.expiresAt !== entry?.expiresAt : this.server.isPast(companion.expiresAt);
  }

  isVanished({ companion, value }: Situation): boolean {
    return (
      value === null && companion !== undefined && companion.bytes !== null && !this.server.isPast(companion.expiresAt)
    );
  }

  hold(id: string, exact: boolean): HeldRecord {
    const s = this.look(id);
    if (s.unreadable) return { kind: "unreadable", reason: OTHER_TYPE };
    const { companion, value, entry } = s;
    if (value === null && !companion) return { kind: "absent" };
    const known = { stamp: s.stamp, operations: companion?.operations ?? [], compared: this.isCompared(s) };
    if (value !== null) {
      const expiresAt = exact ? (entry?.expiresAt ?? null) : (companion?.expiresAt ?? null);
      return { kind: "value", ...known, bytes: value, expiresAt, bypass: this.isBare(s) || this.isChanged(s, exact) };
    }
    if (companion?.bytes === null) return { kind: "tombstone", ...known, bytes: null, expiresAt: null };
    return {
      kind: this.isVanished(s) ? "vanished" : "expired",
      ...known,
      bytes: null,
      expiresAt: companion?.expiresAt ?? null,
    };
  }

  /** An operation of several records is done whole or not at all. */
  writeAll(writes: readonly RecordWrite[]): RecordWriteResult[] {
    const refused = new Set<string>();
    const suspect = new Set<string>();
    for (const write of writes) {
      const { id, bytes, operationId } = write;
      if (writes.filter((other) => other.operationId === operationId).length < 2) continue;
      const s = this.look(id);
      if (s.unreadable || !this.canFollow(id, bytes)) refused.add(operationId);
      else if (this.#isSuspect(s, write)) suspect.add(operationId);
    }
    return writes.map((write) =>
      suspect.has(write.operationId) && !refused.has(write.operationId)
        ? { kind: "suspect" }
        : this.#write(write, refused.has(write.operationId)),
    );
  }

  /** The other store may know of something newer. */
  #isSuspect(s: Situation, { operationId, compared }: RecordWrite): boolean {
    const isRepeated = s.companion?.operations.includes(operationId) ?? false;
    return !this.isCompared(s) && !compared && (this.isChanged(s, true) || !isRepeated);
  }

  #write(write: RecordWrite, refused: boolean): RecordWriteResult {
    const s = this.look(write.id);
    if (s.unreadable) return { kind: "rejected", reason: OTHER_TYPE };
    const held = s.companion?.operations ?? [];
    const isRepeated = held.includes(write.operationId);
    const isChanged = this.isChanged(s, true);
    if (this.#isSuspect(s, write)) return { kind: "suspect" };
    if (isRepeated) {
      if (isChanged) this.adopt(write.id, 0, []);
      return { kind: "repeated", state: this.#present(this.look(write.id)) };
    }
    if (write.expected && !this.#stands(s, write.expected)) return { kind: "conflict" };
    if (refused || !this.canFollow(write.id, write.bytes)) return { kind: "rejected", reason: FOLLOWED_BY_OTHER };
    const state: RecordState = {
      stamp: nextStamp("redis", this.server.micros(), s.stamp),
      bytes: write.bytes,
      expiresAt:
        write.bytes === null ? null : write.expiresAt === "keep" ? (s.entry?.expiresAt ?? null) : write.expiresAt,
      operations: rememberOperation(held, write.operationId, RECORD_OPERATIONS),
    };
    this.put(write.id, state);
    this.log(write.id, state.stamp);
    return { kind: "written", state };
  }

  /** A bypass writer's change gets a stamp above what is held and what was told, and its repair-log entry; no index entry. */
  adopt(id: string, told: Stamp = 0, toldOperations: readonly string[] = []): Stamp {
    const s = this.look(id);
    const stamp = nextStamp("redis", this.server.micros(), Math.max(s.stamp, told));
    const operations = joined(toldOperations, s.companion?.operations ?? []);
    this.tell(s.key, { stamp, bytes: s.value, expiresAt: s.entry?.expiresAt ?? null, operations });
    this.log(id, stamp);
    return stamp;
  }

  /** Whether a look with `adopt` takes this over; uncompared states wait, the other store may hold something newer. */
  isAdoptable(id: string, mode: "changed" | "bare"): boolean {
    const s = this.look(id);
    if (s.unreadable || !this.isCompared(s)) return false;
    if (s.value !== null) return this.isChanged(s, true) || (mode === "bare" && this.isBare(s));
    return this.complete && (this.isVanished(s) || (mode === "bare" && !s.companion));
  }

  /** Whether the sets that follow the record are sets. */
  canFollow(id: string, bytes: Buffer | null): boolean {
    return this.collection.memberships(id, bytes).every(({ key }) => !Buffer.isBuffer(this.server.get(key)?.value));
  }

  /** Key, companion, sets and index entries become those of a state. `confirmed`: the other store has it too. */
  put(id: string, state: RecordState, confirmed = false): void {
    const key = this.collection.redisKey(id);
    const live = state.bytes !== null && !this.server.isPast(state.expiresAt) ? state.bytes : null;
    if (live) this.server.set(key, live, state.expiresAt);
    else this.server.delete(key);
    // Without a stamp only an authority that lost its memory needs a companion: it says that the record is compared.
    if (state.stamp > 0 || this.fence?.role === "authority") this.tell(key, state, confirmed);
    // Whoever has ended stays in the sets, also one that ended on its way here.
    for (const { key: set, member, present, ttlSeconds } of this.collection.memberships(id, state.bytes)) {
      this.server.setMember(set, member, present, ttlSeconds);
    }
    this.index(id, state.bytes);
  }

  /** The companion begins to tell of this. It outlives an expiry, and a confirmed delete, by the retention. */
  tell(key: string, state: RecordState, confirmed = false): void {
    const goneFrom = state.bytes !== null ? state.expiresAt : confirmed ? this.server.now() : null;
    this.server.memory.records.set(key, {
      ...state,
      term: this.fence?.term ?? 0,
      goneAt: goneFrom === null ? null : goneFrom + this.server.retentionMs,
    });
  }

  /** Stale entries stay: a lookup leaves them out. `oldest`: an entry that is there already keeps its place. */
  index(id: string, bytes: Buffer | null, oldest = false): void {
    const { index } = this.server.memory;
    for (const [name, { valueOf: valueIn }] of Object.entries(this.collection.indexes)) {
      const value = bytes && valueIn(id, bytes);
      if (value === null) continue;
      const at = indexKey(this.collection, name, value);
      const ids = new Map(index.get(at));
      index.set(at, ids.set(id, oldest ? (ids.get(id) ?? 0) : Math.max(0, ...ids.values()) + 1));
    }
  }

  log(id: string, stamp: Stamp): void {
    this.server.control.log(this.collection.name, id, stamp, this.logLimit);
  }

  #stands(s: Situation, expected: { readonly stamp: Stamp; readonly bytes: Buffer | null }): boolean {
    if (expected.stamp !== s.stamp) return false;
    return expected.bytes === null ? s.value === null : (s.value?.equals(expected.bytes) ?? false);
  }

  #present(s: Situation): RecordState {
    return {
      stamp: s.stamp,
      bytes: s.value,
      expiresAt: s.entry?.expiresAt ?? null,
      operations: s.companion?.operations ?? [],
    };
  }
}

export function indexKey(collection: RecordCollection, index: string, value: string): string {
  return JSON.stringify([collection.name, index, value]);
}

/** Operation ids of two states that became one, the second's newest. */
export function joined(older: readonly string[], newer: readonly string[], limit = RECORD_OPERATIONS): string[] {
  return [...older.filter((id) => !newer.includes(id)), ...newer].slice(-limit);
}
