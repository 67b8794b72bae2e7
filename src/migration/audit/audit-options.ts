/** What an audit can be told, and what it makes of that. */
import { ConfigurationError, type Issue } from "../../errors.js";
import { type ResolvedRun, type RunOptions, resolveRun, runIssues } from "../run/run-options.js";

export interface AuditProgress {
  readonly phase: "audit";
  /** Keys listed so far, with repetitions. */
  readonly done: number;
  /** Keys in the database, about. */
  readonly total: number;
  /** Keys a second over the last seconds. */
  readonly rate: number;
  /** Milliseconds left; null while that can't be told. */
  readonly etaMs: number | null;
}

/** The signal ends the audit after the page under way, with a report on what was seen until then. */
export interface AuditOptions extends RunOptions {
  /** Keys that one page asks for, 1 to 5000: several commands for each. @default 500 */
  readonly pageSize?: number | undefined;
  /** Keys whose memory is measured, about; each pattern's first 50 and all great ones are measured besides. @default 10_000 */
  readonly sample?: number | undefined;
  /** Reads the values of all collections, not only of the critical ones, to find what a backfill would set aside. @default false */
  readonly checkValues?: boolean | undefined;
  /** How many of the largest and of the oldest keys are named. @default 20 */
  readonly top?: number | undefined;
  /** Shows keys as they are, with the emails, addresses and tokens in them. @default false */
  readonly showPersonal?: boolean | undefined;
  /** Stops above so many premium grants. @default 50_000 */
  readonly maxGrants?: number | undefined;
  /** Stops above so much used memory. Bytes. @default 2 GiB */
  readonly maxMemory?: number | undefined;
  /** Patterns of which there must be a key, as the report names them. @default those of the critical collections */
  readonly required?: readonly string[] | undefined;
  /** Keys a second that a backfill copies. @default the audit's own pace, if it saw enough keys; the report says on what grounds */
  readonly backfillRate?: number | undefined;
  readonly onProgress?: ((progress: AuditProgress) => void) | undefined;
}

export interface ResolvedAudit extends ResolvedRun {
  readonly sample: number;
  readonly checkValues: boolean;
  readonly top: number;
  readonly showPersonal: boolean;
  readonly maxGrants: number;
  readonly maxMemory: number;
  readonly required: readonly string[] | null;
  /** Null: none was given. */
  readonly backfillRate: number | null;
  readonly onProgress: (progress: AuditProgress) => void;
}

const PAGE_SIZE = 500;
const GIB = 2 ** 30;
/** More are no overview any more, and each is kept in memory. */
const MOST = 1000;

/** @throws ConfigurationError that lists everything that is wrong */
export function resolveAudit(options: AuditOptions): ResolvedAudit {
  const issues = [...runIssues(options), ...whole(options, "sample", 0), ...whole(options, "top", 0, MOST)];
  issues.push(
    ...whole(options, "maxGrants", 0),
    ...whole(options, "maxMemory", 0),
    ...whole(options, "backfillRate", 1),
  );
  if (issues.length > 0) throw new ConfigurationError(issues);
  return {
    ...resolveRun({ ...options, pageSize: options.pageSize ?? PAGE_SIZE }),
    sample: options.sample ?? 10_000,
    checkValues: options.checkValues ?? false,
    top: options.top ?? 20,
    showPersonal: options.showPersonal ?? false,
    maxGrants: options.maxGrants ?? 50_000,
    maxMemory: options.maxMemory ?? 2 * GIB,
    required: options.required ?? null,
    backfillRate: options.backfillRate ?? null,
    onProgress: options.onProgress ?? (() => {}),
  };
}

type Figure = "sample" | "top" | "maxGrants" | "maxMemory" | "backfillRate";

function whole(options: AuditOptions, path: Figure, least: number, most = Number.MAX_SAFE_INTEGER): Issue[] {
  const value = options[path];
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return [];
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  return [{ path, message: `a whole number ${range}` }];
}
