/** What each store offers beyond the common port, since Redis forgets and Postgres remembers. */
import type { Collection, RecordCollection } from "./collection.js";
import type { Fence, HeldRecord, Store } from "./store.js";

/** What a process says of a Redis server's memory after a loss. */
export interface MemoryClaim {
  readonly term: number;
  readonly role: Fence["role"];
  readonly complete: boolean;
  /** Postgres was asked. */
  readonly agreed: boolean;
}

/** What a fence says even when another run of the server wrote it. */
export interface LastFence {
  readonly term: number;
  readonly role: Fence["role"];
}

/** The task of filling Redis from Postgres. */
export const REFILL = "refill";

/** A task that is done for some collections: processes that know others have one of their own, or these would never come to theirs. */
export function taskOf(task: string, collections: readonly Collection[]): string {
  return `${task}:${collections
    .map(({ name }) => name)
    .sort()
    .join()}`;
}

export interface RedisSide extends Store {
  readonly name: "redis";
  /**
   * As the port's. `most`: bytes of values at most, about; then it may answer for some of the first ids only, and for none where the
   * first alone holds more: ask for that one without a bound.
   */
  inspectRecords(
    collection: RecordCollection,
    ids: readonly string[],
    adopt?: { readonly term: number; readonly mode: "changed" | "bare" },
    most?: number,
  ): Promise<{ fence: Fence | null; held: HeldRecord[] }>;
  /** What became of the memory that the fence speaks for: `all`, the fence is gone too; `some`, another server's run wrote it. */
  memoryLost(): Promise<"no" | "some" | "all">;
  /**
   * Sets the fence to exactly this, for the server's present run, only where none is, where another run's fence or a lower term
   * stands, or the same term that wasn't agreed. Where none is, nothing survived at all, and a value without a companion came after
   * the loss: the fence remembers that until all is complete. Whoever has the task `REFILL` loses it. Returns what stands afterwards.
   */
  claimMemory(claim: MemoryClaim): Promise<Fence>;
  /** The fence that stands, whoever's run wrote it; null without one. */
  lastFence(): Promise<LastFence | null>;
  /** Writes the index entries of records that no write of the library has indexed; the first backfill does it. */
  indexRecords(
    collection: RecordCollection,
    entries: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Promise<void>;
  /** Takes the mark of a full log away if it is still this one. False: entries were left out since, and another one stands. */
  forgetOverflow(collection: Collection, mark: string): Promise<boolean>;
  /** From now on an index lookup that finds nothing means that there is nothing. */
  setIndexed(collection: RecordCollection): Promise<void>;
  /**
   * Marks these complete, which `refiller` copied, if the fence is still in `term` and he still has the task `REFILL`: no memory was
   * lost since he took it. False: it isn't so. Other processes may know collections that he doesn't: these stay as they are.
   */
  setCompleteInTerm(collections: readonly Collection[], term: number, refiller: string): Promise<boolean>;
  /** Whether nothing but the library's own keys stands in the database. */
  isEmpty(): Promise<boolean>;
  /** Takes a task that one process at a time should do; renewed by calling again with the same owner. */
  claimTask(task: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Renews a task, but never takes one: false if it went to another owner, was over, or went with Redis's memory. With 0 ms it ends. */
  renewTask(task: string, owner: string, ttlMs: number): Promise<boolean>;
}

export interface PostgresSide extends Store {
  readonly name: "postgres";
  /** Compare-and-set: the term rises from exactly `from` by one, the role stays. Null: it stood elsewhere. */
  raiseTerm(from: number): Promise<number | null>;
  /**
   * What the collection's full log left out so far is to be copied under this token (and no longer under another one): what is left
   * out from now on leaves a mark of its own. Every write that was left out before is committed when this returns.
   */
  takeOverflow(collection: Collection, token: string): Promise<void>;
  /** That was copied: forgets it, unless it was taken under another token since. */
  settleOverflow(collection: Collection, token: string): Promise<void>;
  /** While Redis is given up, writes keep no repair-log entries. */
  setRedisGivenUp(givenUp: boolean): Promise<void>;
  /** Removes at most `limit` rows that have been dead for the whole retention and that no repair-log entry speaks of. */
  sweep(collection: Collection, limit: number): Promise<{ readonly begun: number; readonly removed: number }>;
}
