/** The weeks of a migration, as data: what each one does, and what it waits for. */
import type { GateCheck } from "../../errors.js";
import type { RecordedDecision } from "../../stores/postgres/decision-list.js";
import { type StrategyName, strategies, strategyNames } from "../../strategy/strategies.js";
import type { MigrationStatus } from "../status/status.js";

/** What the plan is computed from. */
export interface Standing {
  readonly now: Date;
  readonly status: MigrationStatus;
  /** The newest first. */
  readonly decisions: readonly RecordedDecision[];
  /** The checks before the authority moves to Postgres; empty once it has. */
  readonly gate: readonly GateCheck[];
}

export interface Week {
  readonly title: string;
  readonly commands: readonly string[];
  readonly checks: (standing: Standing) => readonly GateCheck[];
}

const [INSTALLED, BOTH, POSTGRES_DECIDES, POSTGRES_ALONE] = strategyNames as [
  StrategyName,
  StrategyName,
  StrategyName,
  StrategyName,
];

const DAY_MS = 86_400_000;
/** What a stage is watched for before the next. Days. */
const QUIET_DAYS = 7;

export const WEEKS: readonly Week[] = [
  {
    title: `The library runs in every process, at ${INSTALLED}`,
    commands: ["doctor", "audit", "plan", "backup --label before-install", "migrate-schema"],
    checks: (standing) => [settled(standing), processesAt(standing, INSTALLED)],
  },
  {
    title: `Everything is copied, and writes go to both stores: ${BOTH}`,
    commands: ["backup --label before-backfill", "backfill", `flip ${BOTH}`],
    checks: (standing) => [copied(standing), nothingSetAside(standing), processesAt(standing, BOTH)],
  },
  {
    title: `Both stores agree, and Postgres decides: ${POSTGRES_DECIDES}`,
    commands: ["verify", `flip ${POSTGRES_DECIDES}`],
    checks: (standing) => [gatePasses(standing), processesAt(standing, POSTGRES_DECIDES), postgresDecides(standing)],
  },
  {
    title: "A week of watching, with the way back open",
    commands: ["status --watch", "verify"],
    checks: (standing) => [
      quietSince(standing, movedAt(standing), "under Postgres"),
      verified(standing),
      noDivergence(standing),
    ],
  },
  {
    title: `Redis is off the request's path: ${POSTGRES_ALONE}`,
    commands: ["verify", `flip ${POSTGRES_ALONE}`],
    checks: (standing) => [processesAt(standing, POSTGRES_ALONE)],
  },
  {
    title: "Redis is given up and switched off",
    commands: ["backup --label before-phase-out", "phase-out --finish --dry-run", "phase-out --finish"],
    checks: (standing) => [
      quietSince(standing, flippedAt(standing, POSTGRES_ALONE), `at ${POSTGRES_ALONE}`),
      givenUp(standing),
      phasedOut(standing),
    ],
  },
];

function settled({ status }: Standing): GateCheck {
  const passed = status.authority !== null;
  return {
    name: "tables and fences stand",
    passed,
    figure: passed ? `the authority is ${status.authority} in term ${status.term}` : "no authority is known",
    remedy: "Run `dual-write migrate-schema`, then deploy the library.",
  };
}

/** At that strategy or a later one. */
function processesAt({ status: { processes } }: Standing, strategy: StrategyName): GateCheck {
  const there = processes.filter(({ stage }) => stage >= strategies[strategy].stage);
  return {
    name: `every process at ${strategy} or later`,
    passed: processes.length > 0 && there.length === processes.length,
    figure: processes.length === 0 ? "no live process" : `${there.length} of ${processes.length}`,
    remedy: `Run \`dual-write flip ${strategy}\`; it names the processes to restart.`,
  };
}

function copied({ status }: Standing): GateCheck {
  const all = Object.entries(status.collections);
  const missing = all.filter(([, { complete }]) => complete.postgres !== true).map(([name]) => name);
  const { lastBackfill } = status;
  const run = lastBackfill ? `the last backfill ${lastBackfill.state}` : "no backfill yet";
  return {
    name: "Postgres is complete",
    passed: missing.length === 0,
    figure: missing.length === 0 ? `for ${all.length} collections; ${run}` : `not for ${missing.join(", ")}; ${run}`,
    remedy: "Run `dual-write backfill`.",
  };
}

function nothingSetAside({ status }: Standing): GateCheck {
  const count = Object.values(status.collections).reduce((sum, { rejects }) => sum + rejects, 0);
  return {
    name: "nothing is set aside",
    passed: count === 0,
    figure: `${count} values`,
    remedy: "Look at them with `dual-write rejects`, and retry or drop them.",
  };
}

/** Once the authority has moved the gate was passed, or forced. */
function gatePasses({ gate, status }: Standing): GateCheck {
  const failed = gate.filter((check) => !check.passed);
  return {
    name: "the gate passes",
    passed: failed.length === 0,
    figure:
      status.authority === "postgres"
        ? "it was passed"
        : failed.length === 0
          ? `${gate.length} checks`
          : failed.map(({ name, figure }) => `${name}: ${figure}`).join("; "),
    remedy: [...new Set(failed.map(({ remedy }) => remedy))].join(" "),
  };
}

function postgresDecides(standing: Standing): GateCheck {
  const { status } = standing;
  const since = movedAt(standing);
  return {
    name: "Postgres is the authority",
    passed: status.authority === "postgres",
    figure:
      status.authority === "postgres" && since ? `since ${day(since)}` : `it is ${status.authority ?? "not known"}`,
    remedy: `Run \`dual-write flip ${POSTGRES_DECIDES}\`.`,
  };
}

/** The last handover, while Postgres is the authority. */
function movedAt({ status, decisions }: Standing): Date | null {
  if (status.authority !== "postgres") return null;
  return decisions.find(({ what }) => what === "handover")?.at ?? null;
}

/** The last decision for that strategy, unless a later one was for another. */
function flippedAt({ decisions }: Standing, strategy: StrategyName): Date | null {
  const last = decisions.find((one) => one.strategy !== null && one.what !== "handover");
  return last?.strategy === strategy ? last.at : null;
}

function quietSince({ now }: Standing, since: Date | null, what: string): GateCheck {
  const days = since ? Math.floor((now.getTime() - since.getTime()) / DAY_MS) : 0;
  return {
    name: `${QUIET_DAYS} days ${what}`,
    passed: since !== null && days >= QUIET_DAYS,
    figure: since ? `${days} days, since ${day(since)}` : "not begun",
    remedy: "Wait, and look at `dual-write status` each day.",
  };
}

function verified({ status, now }: Standing): GateCheck {
  const runs = Object.values(status.collections).map(({ lastVerify }) => lastVerify);
  const oldest = Math.min(...runs.map((run) => run?.finishedAt.getTime() ?? 0));
  const clean = runs.every((run) => run?.clean);
  const days = Math.floor((now.getTime() - oldest) / DAY_MS);
  return {
    name: "a clean verify of this week",
    passed: clean && days < QUIET_DAYS,
    figure: runs.some((run) => run === null)
      ? "never of all collections"
      : `${clean ? "clean" : "with differences"}, ${days} days ago`,
    remedy: "Run `dual-write verify`.",
  };
}

function noDivergence({ status }: Standing): GateCheck {
  const kinds = Object.values(status.collections).flatMap(({ divergences }) => Object.values(divergences));
  const count = kinds.reduce((sum, one) => sum + one, 0);
  return {
    name: "no divergence since",
    passed: count === 0,
    figure: `${count}`,
    remedy: "Run `dual-write verify`, and look for programs that write Redis past the library.",
  };
}

function givenUp({ status }: Standing): GateCheck {
  return {
    name: "Redis is given up",
    passed: status.redisGivenUp,
    figure: status.redisGivenUp ? "yes" : "not yet",
    remedy: "Run `dual-write phase-out --finish --reason …`.",
  };
}

function phasedOut({ decisions }: Standing): GateCheck {
  const last = decisions.find(({ what }) => what === "phase-out" || what === "take-redis-back");
  const passed = last?.what === "phase-out";
  return {
    name: "nobody uses Redis any more",
    passed,
    figure: passed ? `shown on ${day(last.at)}: ${last.reason}` : "not shown yet",
    remedy: "Run `dual-write phase-out --finish` until its evidence is complete.",
  };
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
