/** What both in-memory servers hold beside the data: the fence, the repair logs and the leases. */
import type { Stamp } from "../../src/stores/state.js";
import type { Fence, Lease, LogEntry } from "../../src/stores/store.js";

/** A fence with what only its own server is told. Replaced whole at each change. */
export interface StoredFence {
  readonly term: number;
  readonly role: Fence["role"];
  /** Holds for every collection but the `exceptions`, for which the reverse holds. */
  readonly complete: boolean;
  readonly exceptions: ReadonlySet<string>;
  readonly agreed?: boolean;
  readonly redisGivenUp?: boolean;
  /** Redis only: the run whose memory the fence speaks for. */
  readonly runId?: string;
  /** Redis only: the whole memory was lost, so a value without a companion came after the loss. */
  readonly bareTrusted?: boolean;
}

export function isComplete(fence: StoredFence, collection: string): boolean {
  return fence.complete !== fence.exceptions.has(collection);
}

/** The fence as the port gives it for some collections, or for all. */
export function portFence(fence: StoredFence, of?: readonly string[]): Fence {
  return {
    term: fence.term,
    role: fence.role,
    complete: of ? of.every((name) => isComplete(fence, name)) : fence.complete && fence.exceptions.size === 0,
    ...(fence.redisGivenUp === undefined ? {} : { redisGivenUp: fence.redisGivenUp }),
    ...(fence.agreed === undefined ? {} : { agreed: fence.agreed }),
  };
}

export function storedFence(fence: Fence): StoredFence {
  return { ...fence, exceptions: new Set() };
}

/** Marks one collection (null: all); with all complete, nothing is left to be suspicious of. */
export function withComplete(fence: StoredFence, collection: string | null, complete: boolean): StoredFence {
  if (collection === null) {
    return {
      ...fence,
      complete,
      exceptions: new Set(),
      ...(complete && fence.bareTrusted ? { bareTrusted: false } : {}),
    };
  }
  const exceptions = new Set(fence.exceptions);
  if (complete === fence.complete) exceptions.delete(collection);
  else exceptions.add(collection);
  return { ...fence, exceptions };
}

export class Control {
  fence: StoredFence | null = null;
  /** Collection → id → greatest stamp. */
  readonly logs = new Map<string, Map<string, Stamp>>();
  /** Collection → the stamp of the last entry that was left out, as text. */
  readonly overflowed = new Map<string, string>();
  /** Postgres only: collection → the token of the copy that is to bring what a full log left out. */
  readonly owed = new Map<string, string>();
  readonly leases = new Map<string, { readonly lease: Lease; readonly until: number }>();

  /** An entry holds the greatest stamp; a full log becomes one mark. */
  log(collection: string, id: string, stamp: Stamp, limit: number): void {
    const entries = this.logs.get(collection) ?? new Map<string, Stamp>();
    this.logs.set(collection, entries);
    const held = entries.get(id);
    if (held === undefined && entries.size >= limit) this.overflowed.set(collection, String(stamp));
    else entries.set(id, Math.max(held ?? 0, stamp));
  }

  hasOverflowed(collection: string): boolean {
    return this.overflowed.has(collection) || this.owed.has(collection);
  }

  /** The collections that a log holds anything of. */
  logged(): string[] {
    const held = [...this.logs].flatMap(([name, entries]) => (entries.size > 0 ? [name] : []));
    return [...new Set([...held, ...this.overflowed.keys(), ...this.owed.keys()])];
  }

  /** Oldest first. */
  entries(collection: string): LogEntry[] {
    return [...(this.logs.get(collection) ?? [])]
      .map(([id, stamp]) => ({ id, stamp }))
      .sort((a, b) => a.stamp - b.stamp);
  }

  /** True if an entry was there and its stamp isn't above `stamp`; it is then gone. */
  clear(collection: string, { id, stamp }: LogEntry): boolean {
    const entries = this.logs.get(collection);
    const held = entries?.get(id);
    if (!entries || held === undefined || held > stamp) return false;
    return entries.delete(id);
  }

  copy(): Control {
    const copy = new Control();
    copy.fence = this.fence;
    for (const [collection, entries] of this.logs) copy.logs.set(collection, new Map(entries));
    for (const [collection, stamp] of this.overflowed) copy.overflowed.set(collection, stamp);
    for (const [collection, token] of this.owed) copy.owed.set(collection, token);
    for (const [processId, lease] of this.leases) copy.leases.set(processId, lease);
    return copy;
  }
}
