/** The options of `DualWriteStore.open`, checked together before anything connects. */
import type { Redis, RedisOptions } from "ioredis";
import type { Logger } from "pino";
import type { Options as PostgresOptions } from "postgres";
import type { Deadlines } from "../engine/context.js";
import { ConfigurationError, DualWriteError, type Issue } from "../errors.js";
import { fixed, type StrategySource } from "../strategy/source.js";
import { type StrategyName, strategies } from "../strategy/strategies.js";
import { type CollectionDefinition, DEFAULT_PREFIX, keyspaceIssues, storeIssues } from "./option-checks.js";

export type { CollectionDefinition } from "./option-checks.js";

export interface DualWriteOptions<C extends Record<string, CollectionDefinition> = Record<never, never>> {
  /** A URL, ioredis options, or a client whose options are taken over. Not needed at POSTGRES_ONLY. */
  readonly redis?: string | RedisOptions | Redis | undefined;
  /** A URL or postgres.js options. */
  // biome-ignore lint/complexity/noBannedTypes: postgres.js's own constraint
  readonly postgres: string | PostgresOptions<{}> | undefined;
  /** One of the four names, or where to get it: `fromEnv()`, `fromFile(path)`, or a source of your own. */
  readonly strategy: StrategyName | StrategySource;
  /** What legacy keys begin with. @default "threadr:" */
  readonly keyPrefix?: string;
  /** The user's own collections, beside the built-in ones. @default none */
  readonly collections?: C;
  /** `check`: refuse to start on a database that isn't migrated; `apply`: migrate it. @default "check" */
  readonly schema?: "check" | "apply";
  /** Milliseconds for a whole read, a whole write, and what a write waits for the mirror. @default { read: 500, write: 5000, mirror: 500 } */
  readonly deadlines?: Partial<Deadlines>;
  /** Share of reads at DUAL_WRITE and POSTGRES_PRIMARY that is compared with the mirror, 0 to 1. @default 0.01 */
  readonly compareReads?: number;
  /** When a miss is looked up in the other store. @default "incomplete" */
  readonly lookElsewhere?: "incomplete" | "always" | "never";
  /**
   * Whether other programs write the legacy keys. While they may, a lookup by id that the index doesn't answer looks through all
   * of Redis before it says "none"; false makes the index alone decide. @default true
   */
  readonly bypassWriters?: boolean;
  /** The zone of legacy date-times that carry none, an IANA name. @default "UTC" */
  readonly zone?: string;
  /** Entries a collection's repair log holds before it becomes one mark that asks for a backfill. @default 1_000_000 */
  readonly logLimit?: number;
  /** Operations in flight at most; a further one is refused with an OverloadedError, nothing applied. @default 10_000 */
  readonly maxInFlight?: number;
  /** Connections to Postgres. @default 10 */
  readonly poolSize?: number;
  /** Gathers operations that are under way at once into few round trips. False: each makes its own. @default true */
  readonly coalesce?: boolean;
  /** A pino logger. @default one that writes warnings and errors to stdout */
  readonly logger?: Logger;
}

export interface ResolvedOptions {
  readonly redis: string | RedisOptions | Redis | null;
  // biome-ignore lint/complexity/noBannedTypes: postgres.js's own constraint
  readonly postgres: string | PostgresOptions<{}>;
  readonly source: StrategySource;
  readonly strategy: StrategyName;
  readonly keyPrefix: string;
  readonly collections: Readonly<Record<string, CollectionDefinition>>;
  readonly schema: "check" | "apply";
  readonly deadlines: Deadlines;
  readonly compareReads: number;
  readonly lookElsewhere: "incomplete" | "always" | "never";
  readonly bypassWriters: boolean;
  readonly zone: string;
  readonly logLimit: number;
  readonly maxInFlight: number;
  readonly poolSize: number;
  readonly coalesce: boolean;
  readonly logger: Logger | undefined;
}

const DEFAULTS = {
  keyPrefix: DEFAULT_PREFIX,
  schema: "check",
  deadlines: { read: 500, write: 5000, mirror: 500 },
  compareReads: 0.01,
  lookElsewhere: "incomplete",
  bypassWriters: true,
  zone: "UTC",
  logLimit: 1_000_000,
  maxInFlight: 10_000,
  poolSize: 10,
  coalesce: true,
} as const satisfies Partial<DualWriteOptions>;

/** @throws ConfigurationError that lists everything that is wrong; StrategyError if only the strategy is */
export function resolveOptions(options: DualWriteOptions<Record<string, CollectionDefinition>>): ResolvedOptions {
  const issues: Issue[] = [];
  const given = options ?? ({} as typeof options);
  const merged = { ...DEFAULTS, ...withoutUndefined(given) };
  const deadlines = { ...DEFAULTS.deadlines, ...withoutUndefined(given.deadlines ?? {}) };

  let source: StrategySource | undefined;
  let strategy: StrategyName | undefined;
  let strategyError: DualWriteError | undefined;
  try {
    source = isSource(given.strategy) ? given.strategy : fixed(given.strategy);
    strategy = source.read();
  } catch (error) {
    if (!(error instanceof DualWriteError)) throw error;
    strategyError = error;
    issues.push({ path: "strategy", message: error.message });
  }

  const redisRequired = strategy !== undefined && !strategies[strategy].redisOptional;
  issues.push(...storeIssues("redis", given.redis, redisRequired));
  issues.push(...storeIssues("postgres", given.postgres, true));
  issues.push(...keyspaceIssues(merged.keyPrefix, given.collections));
  for (const [name, ms] of Object.entries(deadlines)) {
    if (!(typeof ms === "number" && ms >= 1 && ms <= 600_000))
      issues.push({ path: `deadlines.${name}`, message: "milliseconds from 1 to 600000" });
  }
  if (!(merged.compareReads >= 0 && merged.compareReads <= 1))
    issues.push({ path: "compareReads", message: "a share from 0 to 1" });
  if (!["incomplete", "always", "never"].includes(merged.lookElsewhere))
    issues.push({ path: "lookElsewhere", message: '"incomplete", "always" or "never"' });
  if (!["check", "apply"].includes(merged.schema)) issues.push({ path: "schema", message: '"check" or "apply"' });
  for (const name of ["logLimit", "maxInFlight", "poolSize"] as const) {
    if (!(Number.isInteger(merged[name]) && merged[name] >= 1))
      issues.push({ path: name, message: "a whole number from 1" });
  }
  if (strategyError && issues.length === 1) throw strategyError;
  if (issues.length > 0) throw new ConfigurationError(issues);
  return {
    redis: given.redis || null,
    postgres: given.postgres as string,
    source: source as StrategySource,
    strategy: strategy as StrategyName,
    keyPrefix: merged.keyPrefix,
    collections: given.collections ?? {},
    schema: merged.schema,
    deadlines,
    compareReads: merged.compareReads,
    lookElsewhere: merged.lookElsewhere,
    bypassWriters: merged.bypassWriters,
    zone: merged.zone,
    logLimit: merged.logLimit,
    maxInFlight: merged.maxInFlight,
    poolSize: merged.poolSize,
    coalesce: merged.coalesce,
    logger: given.logger,
  };
}

function isSource(value: unknown): value is StrategySource {
  return typeof value === "object" && value !== null && typeof (value as StrategySource).read === "function";
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
