/**
 * The port that both stores, and the in-memory ones of the explorer, implement.
 *
 * Every method is one atomic step in its store. Methods never retry and never wait for another store; they reject with
 * the driver's own error, which `transient-errors.ts` classifies. Results are parallel to their inputs, and the ids of one
 * call are distinct (but see `sameIdTwice`).
 */
import type { Collection, CounterCollection, RecordCollection } from "./collection.js";
import type { Lease, LogEntry, LogStatus, Page } from "./control-types.js";
import type { CounterState, RecordState, Stamp, StoreName } from "./state.js";

export type { Lease, LogEntry, LogStatus, Page } from "./control-types.js";

/**
 * What a store holds of the present term.
 * - `authority`: this store decides outcomes in `term`.
 * - `closed`: its reign in `term` has ended and nothing has been opened after it yet; it accepts no writes.
 * - `mirror`: the other store is the authority.
 */
export interface Fence {
  readonly term: number;
  readonly role: "authority" | "closed" | "mirror";
  /** Nothing of the collection asked for (of any, where none was) is known to be missing here. */
  readonly complete: boolean;
  /** Only Postgres knows: Redis was given up, no repair-log entries are kept any more. */
  readonly redisGivenUp?: boolean;
  /** Only Redis: false while it was set up without Postgres having been asked (stage 0, Postgres out of reach). */
  readonly agreed?: boolean;
}

/** What stands for a record in a store. */
export type HeldRecord =
  /** `bypass`: the value isn't the one its companion tells of (or has none, stamp 0). `compared`: seen equal to or newer than the other store's since the last memory loss. `expiresAt` is what the companion or row says; a bare value's is known to `inspectRecords` only. */
  | (RecordState & {
      readonly kind: "value";
      readonly bytes: Buffer;
      readonly bypass: boolean;
      readonly compared: boolean;
    })
  | (RecordState & { readonly kind: "tombstone"; readonly compared: boolean })
  | (RecordState & { readonly kind: "expired"; readonly compared: boolean })
  /** Redis only: the companion tells of a live value and none stands, a bypass writer's delete (or an eviction). */
  | (RecordState & { readonly kind: "vanished"; readonly compared: boolean })
  /** Nothing stands and nothing is known. */
  | { readonly kind: "absent" }
  /** Something of another Redis type stands under the key. */
  | { readonly kind: "unreadable"; readonly reason: string };

/** What stands for a counter in a store. */
export type HeldCounter =
  | (CounterState & { readonly kind: "value"; readonly bypass: boolean; readonly compared: boolean })
  /** It expired, was deleted by a bypass writer, or never was: it counts 0. `last` is what is known of its past. */
  | { readonly kind: "absent"; readonly last?: CounterState; readonly compared: boolean }
  | { readonly kind: "unreadable"; readonly reason: string };

/** What a compare-and-set expects to find; the `kind` a read gave decides it. */
export interface Expected {
  readonly stamp: Stamp;
  /** The value read; null when nothing live stood (tombstone, expired, vanished, absent). Redis compares it byte by byte. */
  readonly bytes: Buffer | null;
  /** The value read isn't the one that its stamp tells of, so that the stamp alone doesn't say whether it stands. */
  readonly bypass?: boolean;
}

/** One record change for the authority to decide. */
export interface RecordWrite {
  readonly id: string;
  /** null deletes. */
  readonly bytes: Buffer | null;
  /** Milliseconds since the epoch, null for none, `keep` for what stands. Ignored for a delete. */
  readonly expiresAt: number | null | "keep";
  readonly operationId: string;
  /** Absent: write whatever stands. */
  readonly expected?: Expected;
  /** The caller has fetched this record from the other store since the last memory loss; write although it is uncompared. */
  readonly compared?: boolean;
}

export type RecordWriteResult =
  /** The state that now stands, for the mirror. */
  | { readonly kind: "written"; readonly state: RecordState }
  /** The operation id is among those the record remembers: nothing was done now. */
  | { readonly kind: "repeated"; readonly state: RecordState }
  /** Something else stands than was expected. */
  | { readonly kind: "conflict" }
  /** The store lost its memory and this record wasn't compared since: fetch it from the other store first. */
  | { readonly kind: "suspect" }
  /** The store refuses this change for good (a constraint, another Redis type under the key). */
  | { readonly kind: "rejected"; readonly reason: string };

/** One increment for the authority to decide. */
export interface CounterAdd {
  readonly id: string;
  /** A whole number, at least 1. */
  readonly by: number;
  readonly operationId: string;
  /** Milliseconds a counter lives from its first increment on; null for ever. */
  readonly ttlMs: number | null;
  /** Whether each increment begins that time anew. */
  readonly renew: boolean;
  readonly compared?: boolean;
}

export type CounterAddResult =
  /** `alone`: Redis serves without Postgres having been asked. What it counts is brought together with Postgres's count once both agree, and told to nobody before. */
  | { readonly kind: "added" | "repeated"; readonly state: CounterState; readonly alone?: boolean }
  | { readonly kind: "suspect" }
  | { readonly kind: "rejected"; readonly reason: string };

/** What became of one state that was brought to a store. */
export type ApplyResult =
  /** `overwrote`: a bypass writer's value that wasn't adopted was replaced. */
  | { readonly kind: "applied"; readonly overwrote?: boolean }
  /** The store holds something as new or newer. `same`: exactly this state (for counters: nothing would change). */
  | { readonly kind: "kept"; readonly stamp: Stamp; readonly same: boolean }
  | { readonly kind: "rejected"; readonly reason: string };

/** A step that a fence may refuse: the caller looks up the present term and begins again with the same operation ids. */
export type Fenced<T> =
  | { readonly fenced: false; readonly results: T[] }
  | { readonly fenced: true; readonly fence: Fence | null };

export interface Store {
  readonly name: StoreName;
  /** One step may change one id more than once, in order. @default false: the ids of one call are distinct */
  readonly sameIdTwice?: boolean;

  /**
   * Reads live values and nothing that is known of them, in one round trip: null where nothing live stands, undefined where only
   * `readRecords` can tell. The hottest call.
   */
  readValues(
    collection: RecordCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; values: (Buffer | null | undefined)[] }>;
  /** Reads records and the fence in one step. `fence` is null when the store has none. Hot path: no script, one round trip. */
  readRecords(
    collection: RecordCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }>;
  /**
   * Reads records exactly: with the expiry of bare values and with `bypass` decided. With `adopt`, and only while this store is
   * the open authority in `term`, a bypass writer's value, expiry or (while complete) delete is first adopted: it gets a new
   * stamp and a repair-log entry. With `adopt: "bare"`, so does a value without a companion; with `adopt: "changed"` a value without
   * a companion stays bare. Postgres has no bypass writers: it just reads.
   */
  inspectRecords(
    collection: RecordCollection,
    ids: readonly string[],
    adopt?: { readonly term: number; readonly mode: "changed" | "bare" },
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }>;
  /** The authority's step: fence, compare, write, stamp, operation id, repair-log entry, derived keys and index entries. */
  writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>>;
  /**
   * The mirror's step: each state is applied if its stamp is greater than the one held.
   *
   * A term below the fence's is refused; a higher one raises the fence (as mirror). Stamp 0 is applied only where nothing stands
   * and nothing is known. In Redis as a mirror any stamped state beats a bypass writer's value. In a Redis that is the authority
   * (a put-back or refill after memory loss) a state is applied only while the store is incomplete, and only where nothing
   * stands or over an older stamped state. A bypass writer's value (without a companion, or not the one its companion tells of)
   * is kept if the fence was lost with the rest, since it came after the loss, and replaced by a newer stamped state if it came
   * back with a snapshot, since it may be older. Whatever the outcome, the record is `compared` from then on, and a bypass
   * writer's change that is kept is adopted.
   */
  applyRecords(
    collection: RecordCollection,
    term: number,
    states: readonly { readonly id: string; readonly state: RecordState }[],
  ): Promise<Fenced<ApplyResult>>;
  /** Ids of records whose index `index` has `value`, newest first. `complete` false: an empty answer isn't a "none". */
  findByIndex(
    collection: RecordCollection,
    index: string,
    value: string,
  ): Promise<{ fence: Fence | null; ids: string[]; complete: boolean }>;

  readCounters(
    collection: CounterCollection,
    ids: readonly string[],
  ): Promise<{ fence: Fence | null; held: HeldCounter[] }>;
  /** As inspectRecords. Adopting begins a generation where the sum fell below the last one seen, and takes growth into the Redis part. */
  inspectCounters(
    collection: CounterCollection,
    ids: readonly string[],
    adopt?: { readonly term: number; readonly mode: "changed" | "bare" },
  ): Promise<{ fence: Fence | null; held: HeldCounter[] }>;
  /** The authority's step for counters; all adds of one operation happen together or (fenced, suspect) not at all. */
  addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>>;
  /** The mirror's step for counters: the greater generation whole, else the greater of each part. In an incomplete authority Redis: the newer state whole, and what was counted there since the loss is added to it. */
  applyCounters(
    collection: CounterCollection,
    term: number,
    states: readonly { readonly id: string; readonly state: CounterState }[],
  ): Promise<Fenced<ApplyResult>>;

  /** Oldest entries first. */
  readLog(collection: Collection, limit: number): Promise<LogEntry[]>;
  /** Removes each entry whose stamp is not above the one given. A confirmed tombstone begins its retention. */
  clearLog(collection: Collection, entries: readonly LogEntry[]): Promise<void>;
  logStatus(collection: Collection): Promise<LogStatus>;
  /** Names of the collections of which a log holds entries or has left some out, also of those that this process doesn't know. */
  loggedCollections(): Promise<string[]>;

  /** `complete`: for all of `collections`, which a process asks for its own; without them for every collection that there is. */
  readFence(collections?: readonly Collection[]): Promise<Fence | null>;
  /** Creates the fence where none is. Returns the one that stands afterwards. */
  createFence(fence: Fence): Promise<Fence>;
  /**
   * Ends the reign: `authority` at exactly `term` becomes `closed`. Not where the log of one of the `intact` collections has left out
   * entries, which nothing would carry over. True if the store is closed at `term` afterwards.
   */
  closeFence(term: number, intact?: readonly Collection[]): Promise<boolean>;
  /** Begins the reign: the fence becomes `authority` at `term`, only from a lower term. True if it is authority at `term` afterwards. */
  openFence(term: number): Promise<boolean>;
  /** Raises a lower fence to `term` as a mirror. No effect at or above it. */
  raiseFence(term: number): Promise<void>;
  /** Marks one collection (null: all) complete or incomplete. */
  setComplete(collection: Collection | null, complete: boolean): Promise<void>;

  /** All ids in pages, with what stands; order and page boundaries are the store's own. Redis: SCAN; Postgres: by id, fewer where values are great. */
  pageRecords(
    collection: RecordCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord }>>;
  pageCounters(
    collection: CounterCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldCounter }>>;

  putLease(lease: Lease, ttlMs: number): Promise<void>;
  dropLease(processId: string): Promise<void>;
  readLeases(): Promise<Lease[]>;

  /** The server's clock, milliseconds since the epoch. Also the cheapest call: proves the store answers. */
  now(): Promise<number>;
  close(): Promise<void>;
}
