/** Which part of the keyspace a backfill takes in. */
import { getTableName } from "drizzle-orm";
import { ConfigurationError, type Issue } from "../../errors.js";
import type { Priority } from "../../stores/collection.js";
import type { BackfillPlan } from "../../stores/postgres/control-records.js";
import { STATISTICS } from "../keyspace/key-sorter.js";
import type { BoundCollection, MigrationContext } from "../migration-context.js";

/** What meets all that is given is taken in. */
export interface BackfillSelection {
  /** Names of collections, and `analytics_timeseries` for the usage statistics. @default all */
  readonly collections?: readonly string[] | undefined;
  /** Those of these priorities. The usage statistics have the lowest. @default all */
  readonly priorities?: readonly Priority[] | undefined;
  /** Those of these tables. @default all */
  readonly tables?: readonly string[] | undefined;
  /**
   * Keys that match, as Redis's SCAN has it: `threadr:email:a*`. No collection then counts as backfilled, whatever the pattern.
   * @default all
   */
  readonly pattern?: string | undefined;
}

export interface Chosen {
  readonly collections: readonly BoundCollection[];
  /** Of the collections, and {@link STATISTICS}. */
  readonly names: readonly string[];
  readonly pattern: string | undefined;
  /** What a run has to have been asked for to be gone on with, and what it is evidence for. */
  readonly plan: BackfillPlan;
}

const PRIORITIES: readonly Priority[] = ["critical", "high", "medium", "low"];

interface Candidate {
  readonly name: string;
  readonly table: string;
  readonly priority: Priority;
}

/** @throws ConfigurationError that names everything that is wrong, `others` too */
export function chooseBackfill(
  { collections, prefix, zone }: MigrationContext,
  selection: BackfillSelection,
  others: readonly Issue[],
): Chosen {
  const issues: Issue[] = [];
  const candidates: Candidate[] = [
    ...collections.map(({ name, table, priority }) => ({ name, table: getTableName(table), priority })),
    { name: STATISTICS, table: STATISTICS, priority: "low" },
  ];
  const { pattern } = selection;
  const check = (path: keyof BackfillSelection, given: readonly string[] | undefined, known: readonly string[]) => {
    for (const one of given ?? [])
      if (!known.includes(one))
        issues.push({ path, message: `there is no "${one}"; there are ${[...new Set(known)].join(", ")}` });
    if (given?.length === 0) issues.push({ path, message: "at least one" });
  };
  check(
    "collections",
    selection.collections,
    candidates.map(({ name }) => name),
  );
  check("priorities", selection.priorities, PRIORITIES);
  check(
    "tables",
    selection.tables,
    candidates.map(({ table }) => table),
  );
  if (pattern === "") issues.push({ path: "pattern", message: "an empty pattern matches no key" });
  const meets = (given: readonly string[] | undefined, value: string) => !given || given.includes(value);
  const names = candidates
    .filter(
      ({ name, table, priority }) =>
        meets(selection.collections, name) && meets(selection.priorities, priority) && meets(selection.tables, table),
    )
    .map(({ name }) => name);
  if (issues.length === 0 && names.length === 0)
    issues.push({ path: "collections", message: "no collection meets all that was given" });
  issues.push(...others);
  if (issues.length > 0) throw new ConfigurationError(issues);
  return {
    collections: collections.filter(({ name }) => names.includes(name)),
    names,
    pattern,
    // The gate takes a finished run for evidence of the collections named so.
    plan:
      pattern === undefined
        ? { collections: names, prefix, zone }
        : { collections: [], of: names, pattern, prefix, zone },
  };
}

/** The collections that a run writes to, whether or not it covers all of them. */
export function collectionsOf(plan: BackfillPlan): readonly string[] {
  return Array.isArray(plan.of) ? (plan.of as string[]) : plan.collections;
}
