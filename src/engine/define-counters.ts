/** The public function that defines a collection of counters, and its binding to a store's key prefix. */
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { COUNTER_SYNC_COLUMN_NAMES } from "../schema/sync-columns.js";
import type { CounterCollection, Priority } from "../stores/collection.js";
import { checkTable } from "./collection-table.js";
import { globFor, type KeyContext, parserFor } from "./key-pattern.js";

export interface CountersOptions {
  readonly name: string;
  readonly redis: {
    readonly key: (id: string, context: KeyContext) => string;
    readonly parse?: (key: string, context: KeyContext) => string | null;
    readonly pattern?: (context: KeyContext) => string;
    /**
     * Ids, one for each kind of key, with what differs from counter to counter in braces: `ip:{192.0.2.1}:daily:{2026-11-20}`.
     * Audit and plan tell the kinds apart by them. @default one kind
     */
    readonly examples?: readonly string[];
  };
  readonly postgres: {
    /** A Drizzle table that spreads `...counterSyncColumns()`. */
    readonly table: PgTable;
    readonly id?: PgColumn;
    /** The typed columns beside the parts. @default none */
    readonly columns?: (id: string, sum: number) => Record<string, unknown>;
  };
  /** How long a counter lives. `null`: for ever. `renew`: each increment begins the time anew. @default null */
  readonly expiry?: (id: string) => CounterExpiry | null;
  readonly priority?: Priority;
}

export interface CounterExpiry {
  readonly ttlMs: number;
  readonly renew: boolean;
}

export interface CountersDefinition {
  readonly kind: "counters";
  readonly name: string;
  /** @internal */
  readonly bind: (context: KeyContext) => BoundCounters;
}

export interface BoundCounters extends CounterCollection {
  /** Ids, one for each kind of key, with what differs from counter to counter in braces. */
  readonly examples: readonly string[];
  readonly expiry: (id: string) => CounterExpiry | null;
}

/**
 * Defines a collection of counters: whole numbers that only rise, exact through every change of authority.
 *
 * @example
 * const visits = pgTable("visits", { page: text("page").primaryKey(), ...counterSyncColumns() });
 * const definition = defineCounters({
 *   name: "visits",
 *   redis: { key: (page, { prefix }) => `${prefix}visits:${page}` },
 *   postgres: { table: visits },
 * });
 * @throws ConfigurationError when the table lacks the sync columns or an id column.
 */
export function defineCounters(options: CountersOptions): CountersDefinition {
  const idColumn = checkTable(options.name, options.postgres.table, options.postgres.id, COUNTER_SYNC_COLUMN_NAMES);
  return {
    kind: "counters",
    name: options.name,
    bind: (context) => {
      const key = (id: string) => options.redis.key(id, context);
      const parse = options.redis.parse;
      return {
        kind: "counters",
        name: options.name,
        priority: options.priority ?? "medium",
        redisKey: key,
        parseKey: parse ? (text) => parse(text, context) : parserFor(key),
        pattern: options.redis.pattern?.(context) ?? globFor(key),
        examples: options.redis.examples ?? ["{example}"],
        table: options.postgres.table,
        idColumn,
        project: options.postgres.columns ?? (() => ({})),
        expiry: options.expiry ?? (() => null),
      };
    },
  };
}
