/** Writing records to Redis: keys and arguments in, the scripts' results out. */
import type { RecordCollection } from "../collection.js";
import type { RecordState } from "../state.js";
import type { ApplyResult, Fenced, RecordWrite, RecordWriteResult } from "../store.js";
import { digestOf } from "./companion.js";
import { controlKeys, keysOf, logKeys } from "./keys.js";
import { type RedisContext, stepArguments } from "./redis-context.js";
import { applyResult, fenced, writeResult } from "./replies.js";

export async function writeRecords(
  context: RedisContext,
  collection: RecordCollection,
  term: number,
  writes: readonly RecordWrite[],
): Promise<Fenced<RecordWriteResult>> {
  const keys = logKeys(collection.name);
  const args = stepArguments(context, collection, term, writes.length);
  for (const write of writes) {
    const following = follow(collection, write.id, write.bytes);
    keys.push(...keysOf(collection, write.id), ...following.keys);
    const expected = write.expected;
    args.push(
      write.id,
      write.operationId,
      write.bytes === null ? "delete" : "set",
      write.bytes ?? "",
      write.expiresAt ?? "-",
      expected ? 1 : 0,
      expected?.stamp ?? 0,
      expected?.bytes ? digestOf(expected.bytes) : "-",
      write.compared ? 1 : 0,
      following.keys.length,
      ...following.args,
    );
  }
  const reply = await context.connection.script("dwWriteRecords", keys, args);
  return fenced(reply, collection.name, (row, i) => writeResult(row, writes[i]?.bytes ?? null));
}

export async function applyRecords(
  context: RedisContext,
  collection: RecordCollection,
  term: number,
  states: readonly { readonly id: string; readonly state: RecordState }[],
): Promise<Fenced<ApplyResult>> {
  const keys = logKeys(collection.name);
  const args = stepArguments(context, collection, term, states.length);
  for (const { id, state } of states) {
    const following = follow(collection, id, state.bytes);
    keys.push(...keysOf(collection, id), ...following.keys);
    args.push(
      id,
      state.stamp,
      state.bytes === null ? "delete" : "set",
      state.bytes ?? "",
      state.expiresAt ?? "-",
      state.operations.length > 0 ? state.operations.join(",") : "-",
      following.keys.length,
      ...following.args,
    );
  }
  return fenced(await context.connection.script("dwApplyRecords", keys, args), collection.name, applyResult);
}

function indexEntries(collection: RecordCollection, id: string, bytes: Buffer): string[] {
  return Object.entries(collection.indexes).flatMap(([name, index]) => {
    const value = index.valueOf(id, bytes);
    return value === null ? [] : [controlKeys.index(collection.name, name, value)];
  });
}

/** The sets and index entries that change with a record, as keys and groups of (kind, member, ttl). */
function follow(
  collection: RecordCollection,
  id: string,
  bytes: Buffer | null,
): { keys: string[]; args: (string | number)[] } {
  const keys: string[] = [];
  const args: (string | number)[] = [];
  for (const set of collection.memberships(id, bytes)) {
    keys.push(set.key);
    args.push(set.present ? "add" : "remove", set.member, set.present ? (set.ttlSeconds ?? "-") : "-");
  }
  // The entry under a former value stays: whoever looks it up checks the record it leads to.
  for (const key of bytes ? indexEntries(collection, id, bytes) : []) {
    keys.push(key);
    args.push("entry", id, "-");
  }
  return { keys, args };
}
