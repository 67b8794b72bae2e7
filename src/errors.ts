/** Every error the library throws: a stable `code`, typed fields, and a message that says what happened and what to do. */

export interface DualWriteErrorOptions {
  readonly cause?: unknown;
  readonly operationId?: string;
}

/** The base of all errors of this library. `retryable`: the same call may succeed later. */
export abstract class DualWriteError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
  /** Repeat the call with this id to have it applied at most once. */
  readonly operationId?: string;

  constructor(message: string, options: DualWriteErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    if (options.operationId !== undefined) this.operationId = options.operationId;
  }
}

/** One thing that is wrong with an input, and where. */
export interface Issue {
  /** Where, as a path such as `deadlines.read`. */
  readonly path: string;
  readonly message: string;
}

function listIssues(issues: readonly Issue[]): string {
  return issues.map((issue) => `  ${issue.path ? `${issue.path}: ` : ""}${issue.message}`).join("\n");
}

/** The options, the environment or a collection's definition are wrong. Nothing was connected or written. */
export class ConfigurationError extends DualWriteError {
  readonly code = "CONFIGURATION";
  readonly retryable = false;
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[], options?: DualWriteErrorOptions) {
    super(`The configuration can't be used:\n${listIssues(issues)}`, options);
    this.issues = issues;
  }
}

/** A strategy is unknown, or the change asked for isn't allowed from the present one. */
export class StrategyError extends DualWriteError {
  readonly code = "STRATEGY";
  readonly retryable = false;
}

/** One check of the gate: its figure, and what to do when it fails. */
export interface GateCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly figure: string;
  readonly remedy: string;
}

/** The authority may not move yet. `checks` names each check that was made. Traffic goes on under the old authority. */
export class GateRefusedError extends DualWriteError {
  readonly code = "GATE_REFUSED";
  readonly retryable = true;
  readonly checks: readonly GateCheck[];
  constructor(checks: readonly GateCheck[], options?: DualWriteErrorOptions) {
    const failed = checks.filter((check) => !check.passed);
    const lines = failed.map((check) => `  ${check.name}: ${check.figure}. ${check.remedy}`).join("\n");
    super(`The gate refuses: ${failed.length} of ${checks.length} checks failed.\n${lines}`, options);
    this.checks = checks;
  }
}

/** The authority could not be reached before the deadline, and the operation was certainly not applied. */
export class AuthorityUnavailableError extends DualWriteError {
  readonly code = "AUTHORITY_UNAVAILABLE";
  readonly retryable = true;
}

/** The operation was sent and its answer lost: it may or may not have been applied. Repeat it with `operationId`. */
export class OutcomeUnknownError extends DualWriteError {
  readonly code = "OUTCOME_UNKNOWN";
  readonly retryable = true;
}

/** The deadline passed, or the caller's signal aborted, before anything was applied. */
export class DeadlineExceededError extends DualWriteError {
  readonly code = "DEADLINE_EXCEEDED";
  readonly retryable = true;
}

/** Too much is in flight; nothing was sent. */
export class OverloadedError extends DualWriteError {
  readonly code = "OVERLOADED";
  readonly retryable = true;
}

/** The term changed again and again while the operation was tried. */
export class FencedError extends DualWriteError {
  readonly code = "FENCED";
  readonly retryable = true;
}

/** Concurrent changes kept winning over this compare-and-set until its deadline. */
export class ConflictError extends DualWriteError {
  readonly code = "CONFLICT";
  readonly retryable = true;
}

/** A user with this email (compared without regard to case) exists. */
export class DuplicateEmailError extends DualWriteError {
  readonly code = "DUPLICATE_EMAIL";
  readonly retryable = false;
}

/** The input, or a stored value, isn't what its collection allows. Nothing was written. */
export class ValidationError extends DualWriteError {
  readonly code = "VALIDATION";
  readonly retryable = false;
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[], options?: DualWriteErrorOptions) {
    super(`Not valid:\n${listIssues(issues)}`, options);
    this.issues = issues;
  }
}

/** The database lacks migrations, or has ones that this version doesn't know or that were edited. */
export class SchemaOutOfDateError extends DualWriteError {
  readonly code = "SCHEMA_OUT_OF_DATE";
  readonly retryable = false;
}

/** A backup could not be made, sent, read back or restored. What was begun of it was removed, or is named. */
export class BackupError extends DualWriteError {
  readonly code = "BACKUP";
  readonly retryable = true;
}

/** A backfill failed for good. What it brought was taken back, or stands if it was told so: see `undone`. */
export class BackfillFailedError extends DualWriteError {
  readonly code = "BACKFILL_FAILED";
  readonly retryable = false;
  readonly runId: string;
  /** Rows taken back, by collection; null: none were. */
  readonly undone: Readonly<Record<string, number>> | null;
  constructor(
    message: string,
    details: { readonly runId: string; readonly undone: Readonly<Record<string, number>> | null },
    options?: DualWriteErrorOptions,
  ) {
    super(message, options);
    this.runId = details.runId;
    this.undone = details.undone;
  }
}
