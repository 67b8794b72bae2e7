/** The plan of the migration week by week: when each is due, what it waits for and where it stands now. */
import { ConfigurationError, type GateCheck } from "../../errors.js";
import { readDecisions } from "../../stores/postgres/decision-list.js";
import { isTransient } from "../../stores/transient-errors.js";
import { checkGate } from "../../strategy/gate.js";
import { type StrategyName, strategies } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";
import { type MigrationStatus, readStatus } from "../status/status.js";
import { type Standing, WEEKS } from "./weeks.js";

export interface PhaseOutPlanOptions {
  /** The first day of the first week. @default the day of the first decision or backfill, else today */
  readonly start?: Date | undefined;
}

export interface PlannedWeek {
  /** From 1. */
  readonly week: number;
  readonly title: string;
  readonly from: Date;
  /** The moment at which the next one begins. */
  readonly until: Date;
  /** `now`: the first that isn't done. */
  readonly state: "done" | "now" | "later";
  /** It isn't done although its time is over. */
  readonly late: boolean;
  /** What `dual-write` is asked for in it. */
  readonly commands: readonly string[];
  readonly waitsFor: readonly GateCheck[];
}

export interface PhaseOutPlan {
  readonly start: Date;
  readonly weeks: readonly PlannedWeek[];
}

const WEEK_MS = 7 * 86_400_000;

/** Changes nothing. @throws ConfigurationError for a start that is no date; the driver's error where Postgres doesn't answer */
export async function planPhaseOut(
  context: MigrationContext,
  options: PhaseOutPlanOptions = {},
): Promise<PhaseOutPlan> {
  const { start: given } = options;
  if (given && Number.isNaN(given.getTime()))
    throw new ConfigurationError([{ path: "start", message: "not a date; give it as 2027-01-31" }]);
  const status = await readStatus(context);
  // Before the first migration there are no tables, and nothing was decided.
  const decisions = await readDecisions(context.postgres.store.sql).catch((error: unknown) => {
    if (isTransient(error)) throw error;
    return [];
  });
  const standing: Standing = { now: new Date(), status, decisions, gate: await askGate(context, status) };
  const start = given ?? startOfDay(decisions.at(-1)?.at ?? status.lastBackfill?.startedAt ?? standing.now);
  const checked = WEEKS.map((week) => ({ ...week, waitsFor: week.checks(standing) }));
  const present = checked.findIndex(({ waitsFor }) => waitsFor.some(({ passed }) => !passed));
  const weeks = checked.map(({ title, commands, waitsFor }, i): PlannedWeek => {
    const until = new Date(start.getTime() + (i + 1) * WEEK_MS);
    const state = present < 0 || i < present ? "done" : i === present ? "now" : "later";
    return {
      ...{ week: i + 1, title, commands, waitsFor, state, until },
      from: new Date(start.getTime() + i * WEEK_MS),
      late: state !== "done" && standing.now >= until,
    };
  });
  return { start, weeks };
}

/** Nothing can be asked of stores that nobody has set up, or that don't answer: the first week says so. */
async function askGate(context: MigrationContext, status: MigrationStatus): Promise<GateCheck[]> {
  if (status.authority !== "redis") return [];
  const onOldSide = ({ strategy }: { strategy: string }) =>
    strategies[strategy as StrategyName]?.authority !== "postgres";
  return checkGate(context, "postgres", status.processes, onOldSide).catch(() => []);
}

function startOfDay(date: Date): Date {
  return new Date(date.toISOString().slice(0, 10));
}
