/**
 * Looks at many records or counters: at those that the library never wrote by one lean script, at the rest exactly. A first backfill
 * and the verify after it meet little else, and most of what the exact script does is about companions.
 */
import type { Collection, CounterCollection, RecordCollection } from "../collection.js";
import type { Fence, HeldCounter, HeldRecord } from "../store.js";
import { inspectCounters } from "./counter-operations.js";
import { companionKey, controlKeys } from "./keys.js";
import { inspectRecords } from "./record-reads.js";
import { type Adopt, type RedisContext, validFence } from "./redis-context.js";

export interface Seen<Held> {
  readonly fence: Fence | null;
  readonly held: Held[];
}

/** What of an id is known without an exact look; null: a companion stands. */
type Bare<Held> = (id: string, found: Found, compared: boolean) => Held | null;

type Found =
  | {
      readonly kind: "value";
      readonly bytes: Buffer;
      readonly expiresAt: number | null;
    }
  | { readonly kind: "nothing" | "another type" | "companion" };

/** Fewer are looked at exactly at once. */
const MANY = 8;
/** Looked at by one script, so that it holds up nobody else for long. */
const AT_ONCE = 250;
const OTHER_TYPE = "the key holds another Redis type";

/** As `inspectRecords` of record-reads.ts, but for `mode` `bare`, which adopts what has no companion. */
export function lookAtRecords(
  context: RedisContext,
  collection: RecordCollection,
  ids: readonly string[],
  adopt?: Adopt,
): Promise<Seen<HeldRecord>> {
  const exactly = (some: readonly string[]) => inspectRecords(context, collection, some, adopt);
  return adopt?.mode === "bare" ? exactly(ids) : lookAtMany(context, collection, ids, bareRecord, exactly);
}

/** As `inspectCounters` of counter-operations.ts, but for `mode` `bare`. */
export function lookAtCounters(
  context: RedisContext,
  collection: CounterCollection,
  ids: readonly string[],
  adopt?: Adopt,
): Promise<Seen<HeldCounter>> {
  const exactly = (some: readonly string[]) => inspectCounters(context, collection, some, adopt);
  return adopt?.mode === "bare" ? exactly(ids) : lookAtMany(context, collection, ids, bareCounter, exactly);
}

async function lookAtMany<Held>(
  context: RedisContext,
  collection: Collection,
  ids: readonly string[],
  bare: Bare<Held>,
  exactly: (ids: readonly string[]) => Promise<Seen<Held>>,
): Promise<Seen<Held>> {
  if (ids.length < MANY) return exactly(ids);
  const parts: Promise<Part<Held>>[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE)
    parts.push(lookForBare(context, collection, ids.slice(from, from + AT_ONCE), bare));
  const looked = await Promise.all(parts);
  const held = looked.flatMap((part) => part.held);
  const rest = held.flatMap((one, i) => (one === null ? [i] : []));
  const seen = rest.length > 0 ? await exactly(rest.map((i) => ids[i] as string)) : null;
  const fences = [...looked.map(({ fence }) => fence), ...(seen ? [seen.fence] : [])];
  const [first = null] = fences;
  // The fence changed on the way: what was seen under it is told together or not at all.
  if (fences.some((fence) => !isSame(fence, first))) return exactly(ids);
  rest.forEach((place, i) => {
    held[place] = seen?.held[i] as Held;
  });
  return { fence: first, held: held as Held[] };
}

interface Part<Held> {
  readonly fence: Fence | null;
  readonly held: (Held | null)[];
}

async function lookForBare<Held>(
  context: RedisContext,
  collection: Collection,
  ids: readonly string[],
  bare: Bare<Held>,
): Promise<Part<Held>> {
  const keys: string[] = [controlKeys.fence];
  for (const id of ids) {
    const key = collection.redisKey(id);
    keys.push(key, companionKey(key));
  }
  const reply = await context.connection.script("dwLookForBare", keys, []);
  const [text, values, marks] = reply as [Buffer, Buffer[], Buffer];
  const fence = validFence(context, text.toString() || null, collection.name);
  const compared = fence?.complete ?? false;
  let next = 0;
  const held = marks
    .toString("latin1")
    .split(" ")
    .map((mark, i) =>
      bare(
        ids[i] as string,
        foundBy(mark, () => values[next++] as Buffer),
        compared,
      ),
    );
  return { fence, held };
}

function foundBy(mark: string, value: () => Buffer): Found {
  if (mark === "c") return { kind: "companion" };
  if (mark === "n") return { kind: "nothing" };
  if (mark === "t") return { kind: "another type" };
  return {
    kind: "value",
    bytes: value(),
    expiresAt: mark.length > 1 ? Number(mark.slice(1)) : null,
  };
}

function bareRecord(_id: string, found: Found, compared: boolean): HeldRecord | null {
  switch (found.kind) {
    case "value":
      return {
        kind: "value",
        stamp: 0,
        bytes: found.bytes,
        expiresAt: found.expiresAt,
        operations: [],
        bypass: true,
        compared,
      };
    case "nothing":
      return { kind: "absent" };
    case "another type":
      return { kind: "unreadable", reason: OTHER_TYPE };
    default:
      return null;
  }
}

/** What isn't a counter the exact look says. */
function bareCounter(_id: string, found: Found, compared: boolean): HeldCounter | null {
  if (found.kind === "nothing") return { kind: "absent", compared };
  if (found.kind !== "value") return null;
  const text = found.bytes.toString("latin1");
  const sum = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(sum)) return null;
  const { expiresAt } = found;
  return {
    kind: "value",
    generation: 0,
    redisPart: sum,
    postgresPart: 0,
    stamp: 0,
    expiresAt,
    operations: [],
    bypass: true,
    compared,
  };
}

function isSame(a: Fence | null, b: Fence | null): boolean {
  return a?.term === b?.term && a?.role === b?.role && a?.complete === b?.complete;
}
