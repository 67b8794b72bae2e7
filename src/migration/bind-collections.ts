/** Binds the built-in collections and the user's own to a prefix, in the order of migration. */
import { builtinCollections } from "../collections/builtin.js";
import { DEFAULT_ZONE } from "../collections/legacy-dates.js";
import { ConfigurationError, type Issue } from "../errors.js";
import { type CollectionDefinition, DEFAULT_PREFIX, keyspaceIssues } from "../facade/option-checks.js";
import type { BoundCollection } from "./migration-context.js";

export interface KeyspaceOptions {
  /** What legacy keys begin with. @default "threadr:" */
  readonly keyPrefix?: string | undefined;
  /** The zone of legacy date-times that carry none, an IANA name. @default "UTC" */
  readonly zone?: string | undefined;
  /** The user's own collections, beside the built-in ones. @default none */
  readonly collections?: Readonly<Record<string, CollectionDefinition>> | undefined;
}

/** The collections with what their keys and dates depend on. */
export interface Keyspace {
  /** Critical first. */
  readonly collections: readonly BoundCollection[];
  readonly prefix: string;
  readonly zone: string;
}

export const PRIORITIES = ["critical", "high", "medium", "low"] as const;

/** `issues`: what else is wrong, told together with what is wrong here. @throws ConfigurationError */
export function bindCollections(options: KeyspaceOptions | undefined, issues: readonly Issue[] = []): Keyspace {
  const { keyPrefix: prefix = DEFAULT_PREFIX, zone = DEFAULT_ZONE, collections = {} } = options ?? {};
  const all = [...issues, ...keyspaceIssues(prefix, collections)];
  if (all.length > 0) throw new ConfigurationError(all);
  const definitions = Object.values({ ...builtinCollections({ zone }), ...collections });
  const bound = definitions.map((definition) => definition.bind({ prefix }) as BoundCollection);
  bound.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority));
  return { collections: bound, prefix, zone };
}
