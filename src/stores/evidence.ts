/** What the control tables keep for the gate: runs, differences, decisions, and what was set aside. */
import type { Stamp } from "./state.js";

export interface Rejected {
  readonly collection: string;
  readonly key: string;
  readonly reason: string;
  readonly value: Buffer | null;
  /** Where it was met: `backfill`, `drain`, `verify`. */
  readonly source: string;
  /** Of the state that was refused; 0: it was never stamped, or isn't known. */
  readonly stamp: Stamp;
}

/** What the list says of a key. */
export interface KnownReject {
  /** What was refused; null for a delete, or where nothing readable stood. */
  readonly value: Buffer | null;
  readonly reason: string;
  readonly source: string;
  readonly stamp: Stamp;
}

/** A key that is well again, as far as was looked: its place on the list goes unless a state with a greater stamp was set aside. */
export interface WellAgain {
  readonly key: string;
  readonly stamp: Stamp;
}

export interface Decision {
  readonly what:
    | "flip"
    | "rollback"
    | "handover"
    | "forced-passage"
    | "give-up-redis"
    | "take-redis-back"
    | "phase-out"
    | "without-backup"
    | "drop-rejects"
    | "memory-loss";
  readonly strategy: string | null;
  readonly reason: string;
  readonly forced: boolean;
  readonly process: string;
}

export interface CollectionEvidence {
  readonly backfilledAt: Date | null;
  readonly verifiedAt: Date | null;
  /** Whether the newest verify found both stores equal. */
  readonly verifiedClean: boolean;
  readonly divergencesSinceVerify: number;
  /** Keys that are set aside. */
  readonly rejects: number;
  /** Of these, records that the mirror refused. */
  readonly refused: number;
}

export interface Evidence {
  of(collection: string): Promise<CollectionEvidence>;
  recordDivergence(row: {
    kind: string;
    collection: string;
    keyHash: string;
    redisStamp: number | null;
    postgresStamp: number | null;
  }): Promise<void>;
  recordVerify(run: {
    collection: string;
    startedAt: Date;
    compared: number;
    differences: Record<string, number>;
    clean: boolean;
  }): Promise<void>;
  recordDecision(decision: Decision): Promise<void>;
  /** The newest forced passage to `strategy` within the last day that no handover has used up, if any. */
  forcedPassage(strategy: string): Promise<{ reason: string; at: Date } | null>;
  /** One row for each key; what was set aside of a later state stays. */
  setAside(rejects: readonly Rejected[]): Promise<void>;
  takeBack(collection: string, keys: readonly WellAgain[]): Promise<void>;
  /** Those of these keys that are set aside. */
  knownRejects(collection: string, keys: readonly string[]): Promise<Map<string, KnownReject>>;
  rejectCount(): Promise<number>;
}
