/** What the control tables tell of past runs and findings. */
import type { CollectionCount, VerifyRun } from "../../stores/postgres/control-records.js";
import { type DivergenceHour, readDivergenceHours } from "../../stores/postgres/divergence-times.js";
import { type MigrationContext, PAGE_MS } from "../migration-context.js";
import type { Counts } from "../run/tally.js";
import { orNull } from "./store-status.js";

export interface LastBackfill {
  readonly id: string;
  readonly state: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly counts: Counts | null;
}

export interface Runs {
  readonly backfill: LastBackfill | null;
  readonly verifies: readonly VerifyRun[];
  /** Since the last verify of each collection. */
  readonly divergences: readonly CollectionCount[];
  /** Of the last day. */
  readonly divergenceHours: readonly DivergenceHour[];
  readonly rejects: readonly CollectionCount[];
}

const HOURS = 24;

export async function readRuns({ evidence, postgres }: MigrationContext): Promise<Runs> {
  const ask = <T>(question: () => Promise<T>) => orNull(postgres.attempt(question, PAGE_MS));
  const [last, verifies, findings, hours] = await Promise.all([
    ask(() => evidence.lastBackfill()),
    ask(() => evidence.lastVerifies()),
    ask(() => evidence.findings()),
    ask(() => readDivergenceHours(postgres.store.sql, HOURS)),
  ]);
  const kept = last?.counts as { counts?: Counts } | null | undefined;
  return {
    backfill: last && {
      id: last.id,
      state: last.state,
      startedAt: last.startedAt,
      finishedAt: last.finishedAt,
      counts: kept?.counts ?? null,
    },
    verifies: verifies ?? [],
    divergences: findings?.divergences ?? [],
    divergenceHours: hours ?? [],
    rejects: findings?.rejects ?? [],
  };
}
