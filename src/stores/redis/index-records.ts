/** Writes the index entries of records that no write of the library has indexed, and says when all are. */
import type { RecordCollection } from "../collection.js";
import { controlKeys } from "./keys.js";
import type { RedisContext } from "./redis-context.js";

/** Entries that one script writes, so that it holds up nobody else for long. */
const AT_ONCE = 250;

export async function indexRecords(
  context: RedisContext,
  collection: RecordCollection,
  records: readonly { readonly id: string; readonly bytes: Buffer }[],
): Promise<void> {
  const keys: string[] = [];
  const ids: string[] = [];
  for (const [name, index] of Object.entries(collection.indexes)) {
    for (const { id, bytes } of records) {
      const value = index.valueOf(id, bytes);
      if (value === null) continue;
      keys.push(controlKeys.index(collection.name, name, value));
      ids.push(id);
    }
  }
  const sent: Promise<unknown>[] = [];
  for (let from = 0; from < keys.length; from += AT_ONCE)
    sent.push(context.connection.script("dwIndex", keys.slice(from, from + AT_ONCE), ids.slice(from, from + AT_ONCE)));
  await Promise.all(sent);
}

export async function setIndexed(context: RedisContext, collection: RecordCollection): Promise<void> {
  await context.connection.client.set(controlKeys.indexed(collection.name), "1");
}
