/** The public surface, by name. Everything else is private. */

export type { DualWriteConfig } from "./cli/define-config.js";
export { defineConfig } from "./cli/define-config.js";
export type { Access, AccessSource } from "./collections/access.js";
export type { CheckAccessOptions, Person } from "./collections/access-check.js";
export type { GrantHolder, GrantOptions, PremiumGrant } from "./collections/grant.js";
export type { Subscription, SubscriptionFields, SubscriptionInput } from "./collections/subscription-fields.js";
export type { TrackOptions, UsageStats, UsageSubject } from "./collections/usage-repository.js";
export type { NewUser, User, UserFields } from "./collections/users-repository.js";
export type { Codec } from "./engine/codec.js";
export { jsonCodec } from "./engine/codec.js";
export type { Counters } from "./engine/counter-set.js";
export type { CounterExpiry, CountersDefinition, CountersOptions } from "./engine/define-counters.js";
export { defineCounters } from "./engine/define-counters.js";
export type { RecordsDefinition, RecordsOptions, ValueSchema } from "./engine/define-records.js";
export { defineRecords } from "./engine/define-records.js";
export type { DivergenceKind, DualWriteEvents, EventName } from "./engine/events.js";
export type { KeyContext } from "./engine/key-pattern.js";
export type { ReadOutcome } from "./engine/outcome.js";
export type { CreateOptions, UpdateOptions, WriteOptions } from "./engine/record-inputs.js";
export type { Records } from "./engine/records.js";
export type { DualWriteErrorOptions, GateCheck, Issue } from "./errors.js";
export {
  AuthorityUnavailableError,
  BackfillFailedError,
  BackupError,
  ConfigurationError,
  ConflictError,
  DeadlineExceededError,
  DualWriteError,
  DuplicateEmailError,
  FencedError,
  GateRefusedError,
  OutcomeUnknownError,
  OverloadedError,
  SchemaOutOfDateError,
  StrategyError,
  ValidationError,
} from "./errors.js";
export type { OpenedCollections, SetStrategyOptions } from "./facade/dual-write-store.js";
export { DualWriteStore } from "./facade/dual-write-store.js";
export type { HealthSource, HttpHandler } from "./facade/handlers.js";
export { livenessHandler, readinessHandler } from "./facade/handlers.js";
export type { Health, StoreHealth } from "./facade/health.js";
export type { OpenTelemetryMeter } from "./facade/metrics-opentelemetry.js";
export { addOpenTelemetryMetrics } from "./facade/metrics-opentelemetry.js";
export type { PrometheusClient, PrometheusOptions } from "./facade/metrics-prometheus.js";
export { addPrometheusMetrics } from "./facade/metrics-prometheus.js";
export type { CollectionDefinition, DualWriteOptions } from "./facade/options.js";
export { audit } from "./migration/audit/audit.js";
export type { AuditOptions, AuditProgress } from "./migration/audit/audit-options.js";
export { auditPage } from "./migration/audit/audit-page.js";
export type { AuditReport } from "./migration/audit/audit-report.js";
export type { BackfillOptions, BackfillReport } from "./migration/backfill/backfill.js";
export type { ReverseOptions, ReverseReport } from "./migration/backfill/reverse.js";
export type { UndoOptions, UndoReport } from "./migration/backfill/undo.js";
export type { BackupOptions, BackupReport } from "./migration/backup/backup.js";
export type { BackupManifest, FoundBackup } from "./migration/backup/manifest.js";
export type { RecentBackupOptions } from "./migration/backup/recent-backup.js";
export type { RestoreOptions, RestoreReport } from "./migration/backup/restore.js";
export type { KeyspaceOptions } from "./migration/bind-collections.js";
export type { DoctorReport } from "./migration/doctor/doctor.js";
export type { Finding, Severity } from "./migration/doctor/finding.js";
export type { FlipOptions, FlipProgress, FlipReport, FlipStep } from "./migration/flip/flip-options.js";
export { Migration } from "./migration/migration.js";
export type { MigrationOptions } from "./migration/open-context.js";
export type { PhaseOutOptions, PhaseOutReport } from "./migration/phase-out/phase-out.js";
export type { PhaseOutPlan, PhaseOutPlanOptions, PlannedWeek } from "./migration/phase-out/phase-out-plan.js";
export { mermaid } from "./migration/plan/mermaid.js";
export { type MigrationPlan, type PlanStep, plan } from "./migration/plan/plan.js";
export { planPage } from "./migration/plan/plan-page.js";
export type { RejectEntry, RejectsOptions, RejectValue, RetryReport } from "./migration/rejects/rejects.js";
export type { MigrationReport, ReportOptions } from "./migration/report/report.js";
export { reportPage } from "./migration/report/report-page.js";
export type { MigrationStatus } from "./migration/status/status.js";
export type { DrainReport } from "./migration/upkeep/drain.js";
export type { SweepOptions, SweepReport } from "./migration/upkeep/sweep.js";
export type { Sample } from "./migration/verify/sample.js";
export type { VerifyOptions, VerifyReport } from "./migration/verify/verify.js";
export type { VerifyRound, WatchOptions } from "./migration/verify/watch.js";
export { counterSyncColumns, syncColumns } from "./schema/sync-columns.js";
export type { Priority, SetMembership } from "./stores/collection.js";
export type { CallOptions } from "./stores/operation.js";
export type { Stamp, StoreName } from "./stores/state.js";
export type { StrategySource } from "./strategy/source.js";
export { fromEnv, fromFile } from "./strategy/source.js";
export type { StrategyName } from "./strategy/strategies.js";
export { strategyNames } from "./strategy/strategies.js";
