/** The end of the migration: gives Redis up, removes what the library left there, and shows that nobody uses it any more. */
import { ConfigurationError, type GateCheck, GateRefusedError } from "../../errors.js";
import { readDecisions } from "../../stores/postgres/decision-list.js";
import { checkGiveUp, giveUpRedis } from "../../strategy/give-up.js";
import { type BothStores, type MigrationContext, PAGE_MS } from "../migration-context.js";
import { type Removal, type RemovalProgress, removeOwnKeys } from "./remove-own-keys.js";
import { checkSameFleet, untilLetGo } from "./same-fleet.js";
import { gatherUsage } from "./usage-evidence.js";

export interface PhaseOutOptions {
  /** Kept with the decision. Not needed for a dry run. */
  readonly reason?: string | undefined;
  /** Look, count and tell; change nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** How long commands on Redis are counted. Milliseconds. @default 60_000 */
  readonly observeMs?: number | undefined;
  /** Stops between two pages; run again, it goes on with what is left. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RemovalProgress) => void) | undefined;
  /** Told of what is done next. */
  readonly onStep?: ((text: string) => void) | undefined;
}

export interface PhaseOutReport {
  /** `in use`: Redis is given up and cleaned, and somebody else still uses it. `stopped`: the cleaning isn't finished. */
  readonly state: "planned" | "done" | "in use" | "stopped";
  /** What must hold before Redis can be given up. */
  readonly checks: readonly GateCheck[];
  readonly givenUpAt: Date | null;
  /** Keys of the library's own. Null: no connection to Redis is configured. */
  readonly removal: Removal | null;
  /** What shows that nobody uses Redis. Empty without a connection to it, or where it was stopped before. */
  readonly evidence: readonly GateCheck[];
}

const OBSERVE_MS = 60_000;

/**
 * @throws GateRefusedError unless Postgres is the authority, every live process is at the last stage, and this is the Redis of
 * this fleet; nothing changed
 */
export async function phaseOut(context: MigrationContext, options: PhaseOutOptions = {}): Promise<PhaseOutReport> {
  const { dryRun = false, observeMs = OBSERVE_MS, signal, onProgress, onStep } = options;
  checkOptions(options);
  const checks = await checkGiveUp(context);
  if (context.redis) checks.push(await checkSameFleet(context as BothStores));
  if (!dryRun && checks.some(({ passed }) => !passed)) throw new GateRefusedError(checks);
  if (!dryRun) await giveUpOnce(context, options.reason ?? "");
  const givenUpAt = await givenUpSince(context);
  const done = { checks, givenUpAt };
  if (!context.redis) return { state: dryRun ? "planned" : "done", ...done, removal: null, evidence: [] };

  const both = context as BothStores;
  if (!dryRun) {
    onStep?.("Waiting for the processes to let go of Redis.");
    await untilLetGo(both, signal);
  }
  onStep?.(`${dryRun ? "Counting" : "Removing"} what the library left in Redis.`);
  const removal = await removeOwnKeys(both, { dryRun, signal, onProgress });
  if (!removal.finished) return { state: "stopped", ...done, removal, evidence: [] };
  onStep?.(`Counting the commands run on Redis for ${Math.round(observeMs / 1000)} s.`);
  const evidence = await gatherUsage(both, { observeMs, givenUpAt, signal });
  if (dryRun) return { state: "planned", ...done, removal, evidence };
  if (evidence.some(({ passed }) => !passed)) return { state: "in use", ...done, removal, evidence };
  await context.evidence.recordDecision({
    what: "phase-out",
    strategy: null,
    reason: evidence.map(({ name, figure }) => `${name}: ${figure}`).join("; "),
    forced: false,
    process: context.processId,
  });
  return { state: "done", ...done, removal, evidence };
}

function checkOptions({ reason, dryRun, observeMs }: PhaseOutOptions): void {
  const issues = [];
  if (!dryRun && !reason?.trim()) issues.push({ path: "reason", message: "giving Redis up needs one, which is kept" });
  if (observeMs !== undefined && !(observeMs >= 0)) issues.push({ path: "observeMs", message: "milliseconds from 0" });
  if (issues.length > 0) throw new ConfigurationError(issues);
}

async function giveUpOnce(context: MigrationContext, reason: string): Promise<void> {
  const fence = await context.postgres.attempt((store) => store.readFence(), PAGE_MS);
  if (!fence?.redisGivenUp) await giveUpRedis(context, reason);
}

/** The moment of the last giving up, while it holds. */
async function givenUpSince(context: MigrationContext): Promise<Date | null> {
  const fence = await context.postgres.attempt((store) => store.readFence(), PAGE_MS);
  if (!fence?.redisGivenUp) return null;
  const decisions = await readDecisions(context.postgres.store.sql);
  return decisions.find(({ what }) => what === "give-up-redis")?.at ?? null;
}
