/** Record operations on Redis: keys and arguments in, port results out. */
import type { RecordCollection } from "../collection.js";
import type { RecordState } from "../state.js";
import type { ApplyResult, Fence, Fenced, HeldRecord, RecordWrite, RecordWriteResult } from "../store.js";
import { digestOf, parseRecordCompanion } from "./companion.js";
import { parseFence, type RedisFence } from "./fence.js";
import { companionKey, controlKeys } from "./keys.js";
import { type Adopt, type RedisContext, validFence } from "./redis-context.js";
import { applyResult, fenced, heldRecord, writeResult } from "./replies.js";

/** One MGET for fence, values and companions; EXISTS beside it tells a key of another type from a missing one. */
export async function readRecords(context: RedisContext, collection: RecordCollection, ids: readonly string[]) {
  if (ids.length === 0) return inspectRecords(context, collection, ids);
  const keys = ids.map((id) => collection.redisKey(id));
  const client = context.connection.client;
  const [replies, existing] = await Promise.all([
    client.mgetBuffer([controlKeys.fence, ...keys.flatMap((key) => [key, companionKey(key)])]),
    client.exists(keys),
  ]);
  const text = replies[0]?.toString() ?? null;
  const raw = parseFence(text);
  const fence = validFence(context, text, collection.name);
  const held = ids.map((_, i) => fromMget(replies[1 + i * 2] ?? null, replies[2 + i * 2] ?? null, raw, fence));
  const present = held.filter((one) => one.kind === "value").length;
  // Something stands that MGET couldn't give (or that came or went between the two): look exactly.
  if (existing !== present && held.some((one) => one.kind !== "value")) {
    return inspectRecords(context, collection, ids);
  }
  return { fence, held };
}

function fromMget(
  value: Buffer | null,
  companionText: Buffer | null,
  raw: RedisFence | null,
  fence: Fence | null,
): HeldRecord {
  const companion = companionText && parseRecordCompanion(companionText.toString("latin1"));
  if (!companion) {
    if (!value) return { kind: "absent" };
    return {
      kind: "value",
      bytes: value,
      stamp: 0,
      expiresAt: null,
      operations: [],
      bypass: true,
      compared: fence?.complete ?? false,
    };
  }
  const { stamp, expiresAt, operations, digest } = companion;
  const compared = (fence?.complete ?? false) || companion.term === raw?.term;
  if (value) {
    return {
      kind: "value",
      bytes: value,
      stamp,
      expiresAt,
      operations,
      compared,
      // Hashing costs more than the rest of a read; most readers don't ask.
      get bypass() {
        return digest !== digestOf(value);
      },
    };
  }
  if (digest === null) return { kind: "tombstone", bytes: null, stamp, expiresAt: null, operations, compared };
  // The key is gone by Redis's own clock; the process's clock only tells an expiry from a delete, so it gets some slack.
  if (expiresAt !== null && expiresAt <= Date.now() + 60_000)
    return { kind: "expired", bytes: null, stamp, expiresAt, operations, compared };
  return { kind: "vanished", bytes: null, stamp, expiresAt, operations, compared };
}

export async function inspectRecords(
  context: RedisContext,
  collection: RecordCollection,
  ids: readonly string[],
  adopt?: Adopt,
) {
  if (ids.length === 0) {
    const text = await context.connection.client.get(controlKeys.fence);
    return { fence: validFence(context, text, collection.name), held: [] };
  }
  const keys = [...logKeys(collection), ...ids.flatMap((id) => pair(collection, id))];
  const args = [
    context.connection.runId,
    collection.name,
    context.logLimit,
    ids.length,
    adopt?.mode ?? "none",
    adopt?.term ?? 0,
    ...ids,
  ];
  const [fence, rows] = (await context.connection.script("dwInspectRecords", keys, args)) as [Buffer, Buffer[][]];
  return { fence: validFence(context, fence.toString() || null, collection.name), held: rows.map(heldRecord) };
}

export async function writeRecords(
  context: RedisContext,
  collection: RecordCollection,
  term: number,
  writes: readonly RecordWrite[],
): Promise<Fenced<RecordWriteResult>> {
  const keys: string[] = [...logKeys(collection)];
  const args: (string | number | Buffer)[] = [
    term,
    context.connection.runId,
    collection.name,
    context.logLimit,
    writes.length,
  ];
  for (const write of writes) {
    const following = follow(collection, write.id, write.bytes);
    keys.push(...pair(collection, write.id), ...following.keys);
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
  const keys: string[] = [...logKeys(collection)];
  const args: (string | number | Buffer)[] = [
    term,
    context.connection.runId,
    collection.name,
    context.logLimit,
    states.length,
  ];
  for (const { id, state } of states) {
    const following = follow(collection, id, state.bytes);
    keys.push(...pair(collection, id), ...following.keys);
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

/** Entries stay behind when a record's value changes, so each candidate is looked at. */
export async function findByIndex(context: RedisContext, collection: RecordCollection, index: string, value: string) {
  const client = context.connection.client;
  const [[fence, indexed], candidates] = await Promise.all([
    client.mget(controlKeys.fence, controlKeys.indexed(collection.name)),
    client.zrevrange(controlKeys.index(collection.name, index, value), 0, -1),
  ]);
  const valid = validFence(context, fence ?? null, collection.name);
  const values = candidates.length > 0 ? await client.mgetBuffer(candidates.map((id) => collection.redisKey(id))) : [];
  const ids = candidates.filter((id, i) => {
    const bytes = values[i];
    return bytes && collection.indexes[index]?.valueOf(id, bytes) === value;
  });
  return { fence: valid, ids, complete: indexed != null && (valid?.complete ?? false) };
}

export async function indexRecords(
  context: RedisContext,
  collection: RecordCollection,
  entries: readonly { readonly id: string; readonly bytes: Buffer }[],
) {
  const pipeline = context.connection.client.pipeline();
  for (const { id, bytes } of entries) {
    for (const key of indexEntries(collection, id, bytes)) pipeline.zadd(key, "NX", 0, id);
  }
  if (pipeline.length === 0) return;
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
}

export async function setIndexed(context: RedisContext, collection: RecordCollection): Promise<void> {
  await context.connection.client.set(controlKeys.indexed(collection.name), "1");
}

function logKeys(collection: RecordCollection): string[] {
  return [controlKeys.fence, controlKeys.log(collection.name), controlKeys.overflow(collection.name)];
}

function pair(collection: RecordCollection, id: string): [string, string] {
  const key = collection.redisKey(id);
  return [key, companionKey(key)];
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
