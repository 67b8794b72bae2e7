/** The checks of options that the facade and the migration have in common. */
import { Redis } from "ioredis";
import { builtinCollections } from "../collections/builtin.js";
import type { CountersDefinition } from "../engine/define-counters.js";
import type { RecordsDefinition } from "../engine/define-records.js";
import type { Issue } from "../errors.js";

// biome-ignore lint/suspicious/noExplicitAny: a definition's value type is its own affair
export type CollectionDefinition = RecordsDefinition<any> | CountersDefinition;

/** What legacy keys begin with unless told otherwise. */
export const DEFAULT_PREFIX = "threadr:";

const builtin = builtinCollections();
const KINDS = {
  redis: { title: "Redis", protocols: ["redis:", "rediss:"] },
  postgres: { title: "Postgres", protocols: ["postgres:", "postgresql:"] },
} as const;

/** What is wrong with where a store is said to be. Nothing connects. */
export function storeIssues(path: keyof typeof KINDS, value: unknown, required: boolean): Issue[] {
  const { title, protocols } = KINDS[path];
  if (value === undefined || value === null || value === "") {
    return required ? [{ path, message: `missing; give a URL that begins with ${protocols[0]}// or options` }] : [];
  }
  if (path === "redis" && isCluster(value))
    return [{ path, message: "Redis Cluster isn't supported yet; give a single primary's client or URL" }];
  if (typeof value !== "string" || protocols.some((protocol) => value.startsWith(`${protocol}//`))) return [];
  const beginnings = protocols.map((protocol) => `${protocol}//`).join(" or ");
  return [{ path, message: `not a ${title} URL; it must begin with ${beginnings}` }];
}

/** What is wrong with the legacy keys' prefix and with the user's own collections. */
export function keyspaceIssues(
  prefix: unknown,
  collections: Readonly<Record<string, CollectionDefinition>> = {},
): Issue[] {
  const issues: Issue[] = [];
  if (typeof prefix !== "string" || prefix.startsWith("dual-write:")) {
    issues.push({
      path: "keyPrefix",
      message: "a text that doesn't begin with \"dual-write:\", which is the library's own",
    });
  }
  const names = Object.values(collections).map((definition) => definition?.name);
  for (const [key, definition] of Object.entries(collections)) {
    const issue = collectionIssue(key, definition, names);
    if (issue !== null) issues.push({ path: `collections.${key}`, message: issue });
  }
  return issues;
}

function isCluster(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    !(value instanceof Redis) &&
    "nodes" in value &&
    typeof value.nodes === "function"
  );
}

function collectionIssue(
  key: string,
  definition: CollectionDefinition | undefined,
  names: readonly (string | undefined)[],
): string | null {
  if (definition?.kind !== "records" && definition?.kind !== "counters")
    return "made by defineRecords or defineCounters";
  if (key in builtin || definition.name in builtin) return "a built-in collection has this name; choose another";
  if (names.filter((name) => name === definition.name).length > 1)
    return `two collections are named "${definition.name}"`;
  return null;
}
