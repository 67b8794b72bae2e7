/** The report of the whole migration: who decided when, what was copied, compared and met, and where it stands. */
import { type RecordedDecision, readDecisions } from "../../stores/postgres/decision-list.js";
import { type DivergenceHour, readDivergenceHours } from "../../stores/postgres/divergence-times.js";
import {
  type ListedBackfill,
  type ListedVerify,
  readBackfillList,
  readVerifyList,
} from "../../stores/postgres/run-list.js";
import { type MigrationContext, PAGE_MS } from "../migration-context.js";
import { type MigrationStatus, readStatus } from "../status/status.js";
import { orNull } from "../status/store-status.js";
import { type Latency, measureLatency } from "./latency.js";
import { type Reign, reignsOf, type StrategySpan, strategySpans } from "./reigns.js";
import { type RunLogs, readRunLogs } from "./run-logs.js";

export interface ReportOptions {
  /** The folder with the JSON lines of earlier runs. @default none are read */
  readonly logs?: string | undefined;
}

export interface MigrationReport {
  readonly at: Date;
  readonly status: MigrationStatus;
  readonly latency: { readonly redis: Latency | null; readonly postgres: Latency | null };
  /** The oldest first. */
  readonly reigns: readonly Reign[];
  readonly strategies: readonly StrategySpan[];
  readonly decisions: readonly RecordedDecision[];
  /** The newest first. */
  readonly backfills: readonly ListedBackfill[];
  readonly verifies: readonly ListedVerify[];
  /** What traffic met in the last 30 days, by hour: older differences are forgotten. The newest first. */
  readonly divergences: readonly DivergenceHour[];
  readonly logs: RunLogs | null;
  /** What couldn't be found out. */
  readonly notes: readonly string[];
}

const MOST = 1000;
const HOURS = 30 * 24;

/** Never rejects for a store that is away: it says so. */
export async function report(context: MigrationContext, { logs }: ReportOptions = {}): Promise<MigrationReport> {
  const { postgres } = context;
  const { sql } = postgres.store;
  const ask = <T>(question: () => Promise<T>) => orNull(postgres.attempt(question, PAGE_MS));
  const status = await readStatus(context);
  const [redisLatency, postgresLatency] = [await measureLatency(context.redis), await measureLatency(postgres)];
  const [decisions, backfills, verifies, divergences] = await Promise.all([
    ask(() => readDecisions(sql, MOST)),
    ask(() => readBackfillList(sql, MOST)),
    ask(() => readVerifyList(sql, MOST)),
    ask(() => readDivergenceHours(sql, HOURS)),
  ]);
  const told = [...(decisions ?? [])].reverse();
  const isCut = [decisions, backfills, verifies].some((list) => list?.length === MOST);
  const notes: [boolean, string][] = [
    [decisions === null, "Postgres doesn't answer, or isn't migrated: what its tables tell is missing."],
    [status.stores.redis === null, "No connection to Redis is configured."],
    [status.stores.redis?.reachable === false, `Redis doesn't answer: ${status.stores.redis?.error}`],
    [isCut, `Of decisions and runs only the newest ${MOST} are here.`],
    [true, "Handovers are noted when they are done; terms are counted back from the present one."],
    [logs === undefined, "No log files were read, so lag and latency are those of this moment only."],
  ];
  return {
    at: new Date(),
    status,
    latency: { redis: redisLatency, postgres: postgresLatency },
    reigns: reignsOf(told, status),
    strategies: strategySpans(told),
    decisions: told,
    backfills: backfills ?? [],
    verifies: verifies ?? [],
    divergences: divergences ?? [],
    logs: logs === undefined ? null : await readRunLogs(logs),
    notes: notes.filter(([holds]) => holds).map(([, text]) => text),
  };
}
