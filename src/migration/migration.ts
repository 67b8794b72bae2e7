/** The migration beside the application: opens both stores as an observer and runs what moves and checks data. */
import { applySchema, checkSchema, readSchemaStatus } from "../schema/migrate.js";
import { giveUpRedis, takeRedisBack } from "../strategy/give-up.js";
import type { StrategyName } from "../strategy/strategies.js";
import { auditKeyspace } from "./audit/audit.js";
import { type AuditOptions, resolveAudit } from "./audit/audit-options.js";
import type { AuditReport } from "./audit/audit-report.js";
import { type BackfillOptions, type BackfillReport, backfill, checkBackfill } from "./backfill/backfill.js";
import { type ReverseOptions, type ReverseReport, reverseBackfill } from "./backfill/reverse.js";
import { type UndoOptions, type UndoReport, undoBackfill } from "./backfill/undo.js";
import { type BackupOptions, type BackupReport, backup } from "./backup/backup.js";
import type { FoundBackup } from "./backup/manifest.js";
import { type RecentBackupOptions, requireRecentBackup } from "./backup/recent-backup.js";
import { type RestoreOptions, type RestoreReport, restore } from "./backup/restore.js";
import { type DoctorReport, doctor } from "./doctor/doctor.js";
import { flip } from "./flip/flip.js";
import type { FlipOptions, FlipReport } from "./flip/flip-options.js";
import { rollback } from "./flip/rollback.js";
import { closeContext, type MigrationContext, withRedis } from "./migration-context.js";
import { type MigrationOptions, openContext } from "./open-context.js";
import { type PhaseOutOptions, type PhaseOutReport, phaseOut } from "./phase-out/phase-out.js";
import { type PhaseOutPlan, type PhaseOutPlanOptions, planPhaseOut } from "./phase-out/phase-out-plan.js";
import { type MigrationPlan, planKeyspace } from "./plan/plan.js";
import {
  dropRejected,
  listRejects,
  type RejectsOptions,
  type RejectValue,
  type RetryReport,
  retryRejects,
} from "./rejects/rejects.js";
import { type MigrationReport, type ReportOptions, report } from "./report/report.js";
import { type MigrationStatus, readStatus } from "./status/status.js";
import { type DrainOptions, type DrainReport, drain } from "./upkeep/drain.js";
import { type SweepOptions, type SweepReport, sweep } from "./upkeep/sweep.js";
import { type VerifyOptions, type VerifyReport, verify } from "./verify/verify.js";
import { type VerifyRound, type WatchOptions, watchVerify } from "./verify/watch.js";

export type { MigrationOptions } from "./open-context.js";

export interface DecisionOptions {
  /** Kept with the decision. */
  readonly reason: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens both stores beside whatever else uses them. It holds no lease, so the fleet neither waits for it nor counts it.
 *
 * @example
 * const migration = await Migration.open({ redis: process.env.REDIS_URL, postgres: process.env.DATABASE_URL });
 * await migration.migrateSchema();
 * const { counts } = await migration.backfill({ onProgress: ({ seen, total }) => console.error(seen, total) });
 * const { clean } = await migration.verify();
 * await migration.close();
 */
export class Migration {
  readonly #context: MigrationContext;

  private constructor(context: MigrationContext) {
    this.#context = context;
  }

  /** Begins to connect; a store that is away is no error here. @throws ConfigurationError */
  static async open(options: MigrationOptions): Promise<Migration> {
    return new Migration(await openContext(options));
  }

  /** Whether both servers are fit for this, and what will be stored there. Changes nothing. */
  doctor(): Promise<DoctorReport> {
    return doctor(this.#context);
  }

  /** Looks at every key of Redis and changes nothing. Without a Postgres use the function `audit`. See {@link AuditOptions}. */
  async audit(options: AuditOptions = {}): Promise<AuditReport> {
    return auditKeyspace(withRedis(this.#context).redis, this.#context, resolveAudit(options));
  }

  /** Which keys go to which table, by which rules. Asks no store. */
  plan(): MigrationPlan {
    return planKeyspace(this.#context);
  }

  /** Brings the database's tables up to date. Returns the migrations that this call applied. @throws SchemaOutOfDateError */
  migrateSchema(): Promise<string[]> {
    return applySchema(this.#context.postgres.store.sql);
  }

  /** What `migrateSchema` would apply. @throws SchemaOutOfDateError where it would */
  async pendingMigrations(): Promise<readonly string[]> {
    return (await readSchemaStatus(this.#context.postgres.store.sql)).pending;
  }

  /** Makes a backup of both stores and reads it back. See {@link BackupOptions}. @throws BackupError */
  backup(options: BackupOptions): Promise<BackupReport> {
    return backup(this.#context, options);
  }

  /** Brings a backup back into empty stores. See {@link RestoreOptions}. @throws BackupError; GateRefusedError */
  restore(options: RestoreOptions): Promise<RestoreReport> {
    return restore(this.#context, options);
  }

  /** The newest backup that is complete, of these stores and recent. @throws GateRefusedError if there is none */
  requireRecentBackup(options: RecentBackupOptions): Promise<FoundBackup> {
    return requireRecentBackup(this.#context, options);
  }

  /** Keeps with the decisions why something was begun without a recent backup. @throws SchemaOutOfDateError */
  async goWithoutBackup({ reason }: DecisionOptions): Promise<void> {
    const { evidence, processId, postgres } = this.#context;
    await checkSchema(postgres.store.sql);
    await evidence.recordDecision({ what: "without-backup", strategy: null, reason, forced: true, process: processId });
  }

  /** Whether a backfill may be asked for like this; asks and does nothing. @throws ConfigurationError with all that is wrong */
  checkBackfill(options?: BackfillOptions): void {
    checkBackfill(this.#context, options);
  }

  /** Copies what stood in Redis before. See {@link BackfillOptions}. */
  backfill(options?: BackfillOptions): Promise<BackfillReport> {
    return backfill(this.#context, options);
  }

  /** Brings everything that Postgres, the authority, holds to Redis. @throws StrategyError while Redis is the authority */
  reverseBackfill(options?: ReverseOptions): Promise<ReverseReport> {
    return reverseBackfill(this.#context, options);
  }

  /** Deletes the rows that a backfill inserted and that nothing has touched since. @throws GateRefusedError; StrategyError */
  undoBackfill(runId: string, options?: UndoOptions): Promise<UndoReport> {
    return undoBackfill(this.#context, runId, options);
  }

  /** What was set aside, the oldest first. See {@link RejectsOptions}. */
  rejects(options?: RejectsOptions): AsyncGenerator<RejectValue, void, undefined> {
    return listRejects(this.#context, options);
  }

  /** Sends what was set aside once more. See {@link RejectsOptions}. */
  retryRejects(options?: RejectsOptions): Promise<RetryReport> {
    return retryRejects(this.#context, options);
  }

  /** Takes rows off the list of what was set aside. Returns how many there were. */
  dropRejects({ rows, reason }: DecisionOptions & { readonly rows: readonly number[] }): Promise<number> {
    return dropRejected(this.#context, { rows, reason });
  }

  /** Compares all of it, both ways, and repairs on request. See {@link VerifyOptions}. */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return verify(this.#context, options);
  }

  /** The same again and again, with the age of each difference, until its signal. See {@link WatchOptions}. */
  watchVerify(options?: WatchOptions): AsyncGenerator<VerifyRound, void, undefined> {
    return watchVerify(this.#context, options);
  }

  /** The whole migration: who decided when, what was copied, compared and met. See {@link ReportOptions}. */
  report(options?: ReportOptions): Promise<MigrationReport> {
    return report(this.#context, options);
  }

  /** Where the migration stands, as far as the stores answer. */
  status(): Promise<MigrationStatus> {
    return readStatus(this.#context);
  }

  /**
   * Moves the fleet to a neighbouring strategy: asks the gate, tells the processes, waits. See {@link FlipOptions}.
   * @throws StrategyError if live processes are two or more stages away
   * @throws GateRefusedError if a check fails and `force` isn't set; nothing changed
   */
  flip(strategy: StrategyName, options?: FlipOptions): Promise<FlipReport> {
    return flip(this.#context, strategy, options);
  }

  /** The same, to the stage before the fleet's; what Redis must have then is copied first. */
  rollback(options?: FlipOptions): Promise<FlipReport> {
    return rollback(this.#context, options);
  }

  /** The migration week by week: when each is due, what it waits for, where it stands. Changes nothing. */
  phaseOutPlan(options?: PhaseOutPlanOptions): Promise<PhaseOutPlan> {
    return planPhaseOut(this.#context, options);
  }

  /**
   * Gives Redis up, removes what the library left there, and shows whether anybody still uses it. See {@link PhaseOutOptions}.
   * @throws GateRefusedError unless Postgres is the authority and every live process is at POSTGRES_ONLY; nothing changed
   */
  phaseOut(options?: PhaseOutOptions): Promise<PhaseOutReport> {
    return phaseOut(this.#context, options);
  }

  /**
   * From now on nothing is remembered for Redis, and no connection to it is needed.
   * @throws GateRefusedError unless Postgres is the authority and every live process is at POSTGRES_ONLY
   */
  giveUpRedis({ reason }: DecisionOptions): Promise<void> {
    return giveUpRedis(this.#context, reason);
  }

  /** Begins to remember for Redis again and copies everything into it. @throws StrategyError unless it is empty */
  takeRedisBack({ reason, signal }: DecisionOptions): Promise<void> {
    return takeRedisBack(this.#context, reason, signal ? { signal } : {});
  }

  /** Works off both repair logs, for fleets whose processes live too shortly to do it. See {@link DrainOptions}. */
  drain(options?: DrainOptions): Promise<DrainReport> {
    return drain(this.#context, options);
  }

  /** Removes rows that have been dead for the whole retention, in small batches. See {@link SweepOptions}. */
  sweep(options?: SweepOptions): Promise<SweepReport> {
    return sweep(this.#context, options);
  }

  close(): Promise<void> {
    return closeContext(this.#context);
  }
}
