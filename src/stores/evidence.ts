/** What the control tables keep for the gate: runs, differences, decisions, and what was set aside. */

export interface Rejected {
  readonly collection: string;
  readonly key: string;
  readonly reason: string;
  readonly value: Buffer | null;
  /** Where it was met: `backfill`, `drain`, `verify`. */
  readonly source: string;
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
  setAside(rejected: Rejected): Promise<void>;
  /** A value that was set aside and is copied now. */
  takeBack(collection: string, key: string): Promise<void>;
  rejectCount(): Promise<number>;
}
