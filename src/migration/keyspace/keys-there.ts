/** How many of the ids have a key in Redis, of whatever type. Where all have, there is nothing to look at. */
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";

export function keysThere({ redis }: BothStores, collection: BoundCollection, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return Promise.resolve(0);
  const keys = ids.map((id) => collection.redisKey(id));
  return redis.attempt(({ connection }) => connection.client.exists(keys), PAGE_MS);
}
