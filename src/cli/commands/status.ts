/** `dual-write status`: where the migration stands. */
import { Command } from "commander";
import type { MigrationStatus } from "../../migration/status/status.js";
import { EXIT } from "../exit-codes.js";
import { duration, table } from "../output.js";
import { type CommonOptions, runSession, withCommonOptions } from "../session.js";

export function statusCommand(): Command {
  const command = new Command("status")
    .description("Shows processes, term, completeness, repair logs, the last runs, divergences and rejects.")
    .addHelpText(
      "after",
      "\nExits with 1 if a store doesn't answer, no authority is known, or something waits for a person.\n\nExample:\n  $ dual-write status --json",
    );
  return withCommonOptions(command).action((options: CommonOptions) =>
    runSession(options, async ({ migration, output }) => {
      const status = await migration.status();
      output.result(status, lines(status));
      return needsAttention(status) ? EXIT.findings : EXIT.done;
    }),
  );
}

function needsAttention(status: MigrationStatus): boolean {
  const away = Object.values(status.stores).some((store) => store !== null && !store.reachable);
  const collections = Object.values(status.collections);
  const open = collections.some((one) => one.rejects > 0 || Object.keys(one.divergences).length > 0);
  return away || status.authority === null || open;
}

function lines(status: MigrationStatus): string[] {
  const stores = Object.entries(status.stores).map(([name, store]) => {
    if (!store) return `${name}: not configured`;
    if (!store.reachable) return `${name}: doesn't answer (${store.error})`;
    return `${name}: ${store.fence ? `${store.fence.role} in term ${store.fence.term}` : "no fence yet"}`;
  });
  const rows = Object.entries(status.collections).map(([name, one]) => [
    name,
    mark(one.complete.redis),
    mark(one.complete.postgres),
    (one.repairLog.redis?.entries ?? 0) + (one.repairLog.postgres?.entries ?? 0),
    one.lastVerify
      ? `${one.lastVerify.clean ? "clean" : "differences"} ${one.lastVerify.startedAt.toISOString()}`
      : "never",
    Object.entries(one.divergences)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ") || "none",
    one.rejects,
  ]);
  return [
    status.authority ? `The authority is ${status.authority} in term ${status.term}.` : "No authority is known.",
    ...stores,
    ...(status.redisGivenUp ? ["Redis was given up."] : []),
    `Lag: ${duration(status.lagMs)}`,
    status.processes.length > 0 ? "Processes:" : "No live process.",
    ...table(
      ["  host", "pid", "strategy"],
      status.processes.map((lease) => [`  ${lease.host}`, lease.pid, lease.strategy]),
    ).slice(status.processes.length > 0 ? 0 : 1),
    status.lastBackfill
      ? `Last backfill: ${status.lastBackfill.state}, begun ${status.lastBackfill.startedAt.toISOString()}`
      : "No backfill yet.",
    ...table(
      ["", "Redis complete", "Postgres complete", "repair log", "last verify", "divergences since", "rejects"],
      rows,
    ),
  ];
}

function mark(complete: boolean | null): string {
  return complete === null ? "?" : complete ? "yes" : "no";
}
