/** The plan: which keys go to which table by which rules. Derived from the collections' definitions; asks no store. */
import { getTableColumns, getTableName } from "drizzle-orm";
import { getTableConfig, type PgColumn } from "drizzle-orm/pg-core";
import { usageStatsKey } from "../../collections/usage-stats.js";
import { escapeGlob } from "../../engine/key-pattern.js";
import { analyticsTimeseries } from "../../schema/analytics-timeseries.js";
import { COUNTER_SYNC_COLUMN_NAMES, SYNC_COLUMN_NAMES } from "../../schema/sync-columns.js";
import type { Priority } from "../../stores/collection.js";
import { bindCollections, type Keyspace, type KeyspaceOptions } from "../bind-collections.js";
import { familiesOf, type KeyFamily } from "../keyspace/key-families.js";
import { STATISTICS } from "../keyspace/key-sorter.js";
import type { BoundCollection } from "../migration-context.js";
import { type IgnoredKeys, ignoredKeys } from "./ignored-keys.js";
import { expiryRule, rulesOf, STATISTICS_RULES } from "./rules.js";

export interface PlannedColumn {
  readonly name: string;
  /** Such as `text` or `timestamp (3) with time zone`. */
  readonly type: string;
}

export interface PlannedPattern {
  /** As SCAN's MATCH understands it. */
  readonly pattern: string;
  /** A made-up key, and the id that its row has. */
  readonly example: { readonly key: string; readonly id: string } | null;
  readonly expiry: string;
}

export interface PlanStep {
  /** From 1. */
  readonly order: number;
  readonly collection: string;
  readonly kind: "records" | "counters" | "statistics";
  readonly priority: Priority;
  readonly table: string;
  /** Collections whose tables this one's table refers to: they go first. */
  readonly dependsOn: readonly string[];
  readonly patterns: readonly PlannedPattern[];
  /** The columns that hold what keys and values say. */
  readonly columns: readonly PlannedColumn[];
  /** The columns that the library keeps beside them. */
  readonly syncColumns: readonly PlannedColumn[];
  readonly rules: readonly string[];
}

export interface MigrationPlan {
  readonly prefix: string;
  /** The zone of date-times that carry none. */
  readonly zone: string;
  /** In the order for separate runs: by priority, and what others refer to before them. One run takes all in a single pass. */
  readonly steps: readonly PlanStep[];
  readonly ignored: readonly IgnoredKeys[];
}

const SYNC_NAMES = new Set<string>([...SYNC_COLUMN_NAMES, ...COUNTER_SYNC_COLUMN_NAMES]);

/**
 * Says what a backfill will do with the collections' keys. Pure: nothing is connected.
 *
 * @example
 * const { steps } = plan({ keyPrefix: "shop:", collections: { coupons } });
 * console.log(steps.map(({ order, table, patterns }) => [order, table, patterns.map(({ pattern }) => pattern)]));
 * @throws ConfigurationError
 */
export function plan(options: KeyspaceOptions = {}): MigrationPlan {
  return planKeyspace(bindCollections(options));
}

/** The same for collections that are bound already. */
export function planKeyspace(keyspace: Keyspace): MigrationPlan {
  const { collections, prefix, zone } = keyspace;
  const dependencies = new Map(collections.map((one) => [one, referredBy(one, collections)]));
  const steps = inOrder(dependencies).map((one) => stepOf(one, dependencies.get(one) ?? [], prefix));
  const statistics = statisticsStep(prefix);
  // After the last of its own priority.
  const at = steps.findLastIndex(({ priority }) => priority === "critical" || priority === statistics.priority) + 1;
  const all = [...steps.slice(0, at), statistics, ...steps.slice(at)];
  return { prefix, zone, steps: all.map((one, n) => ({ ...one, order: n + 1 })), ignored: ignoredKeys(keyspace) };
}

function stepOf(collection: BoundCollection, dependsOn: readonly BoundCollection[], prefix: string): PlanStep {
  const families = familiesOf(collection);
  const all = Object.entries(getTableColumns(collection.table) as Record<string, PgColumn>);
  const isSync = ([name]: [string, PgColumn]) => SYNC_NAMES.has(name);
  return {
    order: 0,
    collection: collection.name,
    kind: collection.kind,
    priority: collection.priority,
    table: getTableName(collection.table),
    dependsOn: dependsOn.map(({ name }) => name),
    patterns: families.map((family) => patternOf(family)),
    columns: all.filter((one) => !isSync(one)).map(columnOf),
    syncColumns: all.filter(isSync).map(columnOf),
    rules: rulesOf(collection, families, prefix),
  };
}

function patternOf({ pattern, example, collection }: KeyFamily): PlannedPattern {
  return { pattern, example: example.id === "" ? null : example, expiry: expiryRule(collection, example.id) };
}

function columnOf([, column]: [string, PgColumn]): PlannedColumn {
  return { name: column.name, type: column.getSQLType() };
}

function statisticsStep(prefix: string): PlanStep {
  const key = usageStatsKey(prefix);
  return {
    order: 0,
    collection: STATISTICS,
    kind: "statistics",
    priority: "high",
    table: getTableName(analyticsTimeseries),
    dependsOn: [],
    patterns: [{ pattern: escapeGlob(key), example: null, expiry: "not copied: the figures stay" }],
    columns: Object.entries(getTableColumns(analyticsTimeseries) as Record<string, PgColumn>).map(columnOf),
    syncColumns: [],
    rules: STATISTICS_RULES,
  };
}

/** The collections whose tables this one's table has a foreign key to. */
function referredBy(collection: BoundCollection, all: readonly BoundCollection[]): BoundCollection[] {
  const tables = getTableConfig(collection.table).foreignKeys.map((key) => key.reference().foreignTable);
  return all.filter((other) => other !== collection && tables.includes(other.table));
}

/** By priority as they come, each after those that it depends on; of a circle the first stays first. */
function inOrder(dependencies: ReadonlyMap<BoundCollection, readonly BoundCollection[]>): BoundCollection[] {
  const order = new Set<BoundCollection>();
  const visit = (one: BoundCollection, path: readonly BoundCollection[]) => {
    if (path.includes(one)) return;
    for (const before of dependencies.get(one) ?? []) visit(before, [...path, one]);
    order.add(one);
  };
  for (const one of dependencies.keys()) visit(one, []);
  return [...order];
}
