/** Reading records from Redis: keys in, what stands out. */
import type { RecordCollection } from "../collection.js";
import type { Fence, HeldRecord } from "../store.js";
import { digestOf, parseRecordCompanion } from "./companion.js";
import { parseFence, type RedisFence } from "./fence.js";
import { companionKey, controlKeys } from "./keys.js";
import { type Adopt, inspect, type RedisContext, validFence } from "./redis-context.js";
import { heldRecord } from "./replies.js";

/** What MGET gives: null for a missing key, and for one of another type. */
type Values = (Buffer | null)[];

/** Where a read of values found one missing, the next asks at once whether it is a key of another type. */
const missed = new WeakSet<RedisContext>();

/** One MGET for the fence and values alone. */
export async function readValues(context: RedisContext, collection: RecordCollection, ids: readonly string[]) {
  const keys = new Array<string>(ids.length + 1);
  keys[0] = controlKeys.fence;
  for (let i = 0; i < ids.length; i++) keys[i + 1] = collection.redisKey(ids[i] as string);
  const { connection } = context;
  const [replies, existing] = await Promise.all([
    connection.send("mget", keys) as Promise<Values>,
    missed.has(context) ? connection.send("exists", keys.slice(1)) : null,
  ]);
  const text = replies[0]?.toString() ?? null;
  const values = replies.slice(1) as (Buffer | null | undefined)[];
  let present = 0;
  for (const value of values) if (value) present++;
  if (present === values.length) missed.delete(context);
  else {
    missed.add(context);
    // Unless as many exist as were found, some keys may be of another type.
    if (existing !== present) for (let i = 0; i < values.length; i++) values[i] ??= undefined;
  }
  return { fence: validFence(context, text, collection.name), values };
}

/** One MGET for fence, values and companions; EXISTS beside it tells a key of another type from a missing one. */
export async function readRecords(context: RedisContext, collection: RecordCollection, ids: readonly string[]) {
  if (ids.length === 0) return inspectRecords(context, collection, ids);
  const keys = ids.map((id) => collection.redisKey(id));
  const { connection } = context;
  const [replies, existing] = await Promise.all([
    connection.send("mget", [controlKeys.fence, ...keys.flatMap((key) => [key, companionKey(key)])]) as Promise<Values>,
    connection.send("exists", keys),
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
  const { fence, rows } = await inspect(context, "dwInspectRecords", collection, ids, adopt);
  return { fence, held: rows.map(heldRecord) };
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
