/** The library's own keys in Redis, and the companion of a legacy key. */
import calculateSlot from "cluster-key-slot";
import type { Collection } from "../collection.js";

/** What a cluster hashes of a key: the text between its first `{` and the next `}`, if any. */
function hashTag(key: string): string | null {
  const open = key.indexOf("{");
  if (open < 0) return null;
  const close = key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : null;
}

/** The shortest text that hashes to `slot`; needed only for keys with braces that are no tag. */
function tagOfSlot(slot: number): string {
  for (let n = 0; ; n++) {
    const tag = n.toString(36);
    if (calculateSlot(tag) === slot) return tag;
  }
}

/**
 * The companion of a legacy key: beside it in the same cluster slot by construction, outside the legacy prefix so that
 * programs that list the legacy keys don't meet it, and never the same for two keys.
 */
export function companionKey(key: string): string {
  if (!key.includes("{") && !key.includes("}")) return `dual-write:{${key}}`;
  return `dual-write:{${hashTag(key) ?? tagOfSlot(calculateSlot(key))}}:${key}`;
}

/**
 * Keys that belong to no single record. One set of them for a single server; a cluster would need one for each slot used,
 * with the slot's tag in the name, so every caller asks here.
 */
export const controlKeys = {
  fence: "dual-write:fence",
  leases: "dual-write:leases",
  collections: "dual-write:collections",
  log: (collection: string) => `dual-write:log:${collection}`,
  overflow: (collection: string) => `dual-write:overflow:${collection}`,
  indexed: (collection: string) => `dual-write:indexed:${collection}`,
  index: (collection: string, index: string, value: string) => `dual-write:index:${collection}:${index}:${value}`,
} as const;

/** Every key that is the library's own begins with this. */
export const OWN_PREFIX = "dual-write:";

/** What the scripts of a collection take first. */
export function logKeys(collection: string): string[] {
  return [controlKeys.fence, controlKeys.log(collection), controlKeys.overflow(collection)];
}

/** The key of a record or counter, and its companion's. */
export function keysOf(collection: Collection, id: string): [string, string] {
  const key = collection.redisKey(id);
  return [key, companionKey(key)];
}
