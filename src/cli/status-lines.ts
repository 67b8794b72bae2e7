/** The status as people read it. */
import { bytes } from "../migration/doctor/finding.js";
import type { MigrationStatus } from "../migration/status/status.js";
import { duration, table } from "./output.js";

/** Tables with more dead rows than this share of the living are named. */
const BLOATED = 0.2;
const FEW_ROWS = 1000;
const TABLES = 6;
const HOURS = 8;

export function statusLines(status: MigrationStatus): string[] {
  return [
    status.authority ? `The authority is ${status.authority} in term ${status.term}.` : "No authority is known.",
    ...(status.redisGivenUp ? ["Redis was given up."] : []),
    ...storeLines(status),
    ...processLines(status),
    `Lag: ${duration(status.lagMs)}`,
    status.lastBackfill
      ? `Last backfill: ${status.lastBackfill.state}, begun ${status.lastBackfill.startedAt.toISOString()}, run ${status.lastBackfill.id}`
      : "No backfill yet.",
    ...collectionLines(status),
    ...gateLines(status),
    ...tableLines(status),
  ];
}

function storeLines({ stores }: MigrationStatus): string[] {
  const memory = stores.redis?.memory;
  return [
    ...Object.entries(stores).map(([name, store]) => {
      if (!store) return `${name}: not configured`;
      if (!store.reachable) return `${name}: doesn't answer (${store.error})`;
      const fence = store.fence ? `${store.fence.role} in term ${store.fence.term}` : (store.error ?? "no fence yet");
      return `${name}: ${fence}, answers in ${store.latencyMs} ms`;
    }),
    ...(memory
      ? [
          `Redis memory: ${bytes(memory.used)}${memory.limit > 0 ? ` of ${bytes(memory.limit)}` : ""}, ${memory.policy}${memory.evictedKeys > 0 ? `, ${memory.evictedKeys} KEYS EVICTED` : ""}`,
        ]
      : []),
  ];
}

function processLines({ processes, samples }: MigrationStatus): string[] {
  if (processes.length === 0) return ["No live process."];
  return [
    "Processes:",
    ...table(
      ["  host", "pid", "stage", "strategy", "reads compared"],
      processes.map((lease) => [
        `  ${lease.host}`,
        lease.pid,
        lease.stage,
        lease.strategy,
        lease.samples ? `${lease.samples.compared}, ${lease.samples.differed} differed` : "?",
      ]),
    ),
    `Reads compared: ${samples.compared}, of which ${samples.differed} differed.`,
  ];
}

function collectionLines({ collections, divergenceHours }: MigrationStatus): string[] {
  const rows = Object.entries(collections).map(([name, one]) => [
    name,
    mark(one.complete.redis),
    mark(one.complete.postgres),
    logs(one.repairLog),
    one.lastVerify
      ? `${one.lastVerify.clean ? "clean" : "differences"} ${one.lastVerify.startedAt.toISOString()}`
      : "never",
    Object.entries(one.divergences)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ") || "none",
    one.rejects,
  ]);
  const head = ["", "Redis complete", "Postgres complete", "repair log", "last verify", "divergences since", "rejects"];
  return [
    ...table(head, rows),
    ...Object.entries(collections).flatMap(([name, { rejectReasons }]) =>
      Object.entries(rejectReasons).map(([reason, count]) => `${name}: ${count} set aside: ${reason}`),
    ),
    ...(divergenceHours.length > 0 ? ["Divergences of the last day:"] : []),
    ...divergenceHours
      .slice(0, HOURS)
      .map(
        ({ hour, collection, kind, count }) => `  ${hour.toISOString().slice(0, 16)}  ${collection} ${kind} ${count}`,
      ),
    ...(divergenceHours.length > HOURS ? [`  and ${divergenceHours.length - HOURS} more (--json)`] : []),
  ];
}

function logs(repairLog: MigrationStatus["collections"][string]["repairLog"]): string {
  const entries = (repairLog.redis?.entries ?? 0) + (repairLog.postgres?.entries ?? 0);
  const overflowed = repairLog.redis?.overflowed || repairLog.postgres?.overflowed;
  return overflowed ? `${entries}, WAS FULL` : String(entries);
}

function gateLines({ gate }: MigrationStatus): string[] {
  if (!gate) return [];
  const failed = gate.checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return [`The gate to ${gate.to}: all ${gate.checks.length} checks pass.`];
  return [
    `The gate to ${gate.to}: ${failed.length} of ${gate.checks.length} checks fail.`,
    ...failed.map(({ name, figure, remedy }) => `  ${name}: ${figure}. ${remedy}`),
  ];
}

function tableLines({ stores }: MigrationStatus): string[] {
  const { tables } = stores.postgres;
  if (tables.length === 0) return [];
  const isBloated = ({ rows, deadRows }: (typeof tables)[number]) => deadRows > FEW_ROWS && deadRows > rows * BLOATED;
  const shown = tables.filter((one, place) => place < TABLES || isBloated(one));
  return table(
    ["table", "size", "rows", "dead rows", ""],
    shown.map((one) => [one.table, bytes(one.bytes), one.rows, one.deadRows, isBloated(one) ? "needs VACUUM" : ""]),
  );
}

function mark(complete: boolean | null): string {
  return complete === null ? "?" : complete ? "yes" : "no";
}
