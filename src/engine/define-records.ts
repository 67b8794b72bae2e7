/** The public function that defines a collection of records, and its binding to a store's key prefix. */
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { ValidationError } from "../errors.js";
import { SYNC_COLUMN_NAMES } from "../schema/sync-columns.js";
import type { Priority, RecordCollection, RecordIndex, SetMembership } from "../stores/collection.js";
import { type Codec, jsonCodec } from "./codec.js";
import { checkTable, typedColumns } from "./collection-table.js";
import { globFor, type KeyContext, parserFor } from "./key-pattern.js";

/** The part of Standard Schema (https://standardschema.dev) that is used; zod, valibot and arktype schemas have it. */
export interface ValueSchema<T> {
  readonly "~standard": {
    readonly validate: (value: unknown) => unknown;
    readonly types?: { readonly output: T } | undefined;
  };
}

export interface RecordsOptions<T> {
  /** Unique among the collections of a store: letters, digits, `_` and `-`. */
  readonly name: string;
  /** The id that a value carries itself, if it does: `put` then checks that it is the one given. */
  readonly id?: (value: T) => string;
  readonly redis: {
    /** The legacy key of an id. */
    readonly key: (id: string, context: KeyContext) => string;
    /** The id of a legacy key, null for a key that isn't this collection's. @default what `key` puts around the id is taken off */
    readonly parse?: (key: string, context: KeyContext) => string | null;
    /** A SCAN pattern that lists at least the collection's keys. @default derived from `key` */
    readonly pattern?: (context: KeyContext) => string;
    /**
     * Ids, one for each kind of key, with what differs from record to record in braces: `ip:{192.0.2.1}:daily:{2026-11-20}`.
     * Audit and plan tell the kinds apart by them. @default one kind
     */
    readonly examples?: readonly string[];
    /** @default JSON */
    readonly codec?: Codec<T>;
    /** Redis sets that follow the record; `value` is null after a delete. */
    readonly sets?: (id: string, value: T | null, context: KeyContext) => readonly SetMembership[];
  };
  readonly postgres: {
    /** A Drizzle table that spreads `...syncColumns()`. */
    readonly table: PgTable;
    /** The column that holds the id, unique. @default the table's single primary-key column */
    readonly id?: PgColumn;
    /** The typed columns of a value. @default the value's properties that have a column of the same name */
    readonly columns?: (value: T, id: string) => Record<string, unknown>;
  };
  /** Checks values before they are written and when they are copied: any Standard Schema. @default everything is allowed */
  readonly schema?: ValueSchema<T>;
  /** Second ways to find a record: index name → column, and the value a record has there. */
  readonly indexes?: Readonly<
    Record<string, { readonly column: PgColumn; readonly value: (value: T, id: string) => string | null }>
  >;
  /** Order of migration. @default "medium" */
  readonly priority?: Priority;
}

/** A record collection that isn't yet bound to a store. Pass it to `DualWriteStore.open({ collections })`. */
export interface RecordsDefinition<T> {
  readonly kind: "records";
  readonly name: string;
  /** @internal */
  readonly bind: (context: KeyContext) => BoundRecords<T>;
}

/** A record collection with all its functions. */
export interface BoundRecords<T> extends RecordCollection {
  /** Ids, one for each kind of key, with what differs from record to record in braces. */
  readonly examples: readonly string[];
  /** @throws ValidationError */
  readonly encode: (id: string, value: T) => Buffer;
  /** @throws ValidationError */
  readonly decode: (id: string, bytes: Buffer) => T;
}

/**
 * Defines a collection of records.
 *
 * @example
 * const coupons = pgTable("coupons", { code: text("code").primaryKey(), percent: integer("percent"), ...syncColumns() });
 * const definition = defineRecords<{ percent: number }>({
 *   name: "coupons",
 *   redis: { key: (code, { prefix }) => `${prefix}coupon:${code}` },
 *   postgres: { table: coupons },
 * });
 * @throws ConfigurationError when the table lacks the sync columns or an id column.
 */
export function defineRecords<T>(options: RecordsOptions<T>): RecordsDefinition<T> {
  const idColumn = checkTable(options.name, options.postgres.table, options.postgres.id, SYNC_COLUMN_NAMES);
  const columnNames = typedColumns(options.postgres.table, idColumn, SYNC_COLUMN_NAMES);
  const codec = options.redis.codec ?? (jsonCodec as Codec<T>);

  const decode = (id: string, bytes: Buffer): T => {
    let value: T;
    try {
      value = codec.decode(bytes);
    } catch (cause) {
      throw new ValidationError(
        [{ path: "", message: `${options.name}: the stored bytes can't be decoded: ${(cause as Error).message}` }],
        { cause },
      );
    }
    return validate(options, id, value);
  };
  // Whoever copies a record asks for its columns and then for its second keys: it is decoded once for both.
  const projected = new WeakMap<Buffer, T>();
  const tolerant = <R>(bytes: Buffer, use: (value: T) => R, otherwise: R): R => {
    try {
      return use(projected.get(bytes) ?? codec.decode(bytes));
    } catch {
      return otherwise;
    }
  };

  return {
    kind: "records",
    name: options.name,
    bind: (context) => {
      const key = (id: string) => options.redis.key(id, context);
      const parse = options.redis.parse;
      const sets = options.redis.sets;
      const columns = options.postgres.columns ?? ((value: T) => sameNamed(value, columnNames));
      const hasIndexes = options.indexes !== undefined;
      const indexes: Record<string, RecordIndex> = {};
      for (const [name, index] of Object.entries(options.indexes ?? {})) {
        indexes[name] = {
          column: index.column,
          valueOf: (id, bytes) => tolerant(bytes, (value) => index.value(value, id), null),
        };
      }
      return {
        kind: "records",
        name: options.name,
        priority: options.priority ?? "medium",
        redisKey: key,
        parseKey: parse ? (text) => parse(text, context) : parserFor(key),
        pattern: options.redis.pattern?.(context) ?? globFor(key),
        examples: options.redis.examples ?? ["{example}"],
        table: options.postgres.table,
        idColumn,
        project: (id, bytes) => {
          const value = decode(id, bytes);
          if (hasIndexes) projected.set(bytes, value);
          return columns(value, id);
        },
        memberships: (id, bytes) => {
          if (!sets) return [];
          if (bytes === null) return sets(id, null, context);
          return tolerant(bytes, (value) => sets(id, value, context), []);
        },
        indexes,
        encode: (id, value) => codec.encode(validate(options, id, value)),
        decode,
      };
    },
  };
}

function sameNamed(value: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return {};
  const source = value as Record<string, unknown>;
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]));
}

function validate<T>(options: RecordsOptions<T>, id: string, value: T): T {
  if (options.schema) {
    const result = options.schema["~standard"].validate(value) as {
      value?: T;
      issues?: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[];
    };
    if (result.issues) {
      throw new ValidationError(
        result.issues.map((issue) => ({
          path: (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."),
          message: issue.message,
        })),
      );
    }
  }
  const own = options.id?.(value);
  if (own !== undefined && own !== id) {
    throw new ValidationError([
      { path: "id", message: `the value carries the id "${own}" but is addressed as "${id}"` },
    ]);
  }
  return value;
}
