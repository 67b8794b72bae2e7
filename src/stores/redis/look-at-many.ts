/**
 * Looks at many records or counters by one lean script that writes nothing. Only where something is to be adopted, or a counter has a
 * companion, the exact script follows, for those alone.
 */
import type { Collection, CounterCollection, RecordCollection } from "../collection.js";
import type { Fence, HeldCounter, HeldRecord } from "../store.js";
import { digestOf, parseRecordCompanion } from "./companion.js";
import { inspectCounters } from "./counter-operations.js";
import { companionKey, controlKeys } from "./keys.js";
import { inspectRecords } from "./record-reads.js";
import { type Adopt, type RedisContext, validFence } from "./redis-context.js";

export interface Seen<Held> {
  readonly fence: Fence | null;
  readonly held: Held[];
}

/** What stands under a key. */
interface Found {
  readonly bytes: Buffer | null;
  /** Milliseconds since the epoch, or one of the signs below. */
  readonly expiry: number;
  readonly companion: Buffer | null;
}

/** The server's clock, and the fence that stood, at the moment of a look. */
interface Moment {
  readonly now: number;
  readonly fence: Fence | null;
}

/** What is known of an id without an exact look; null: it takes one. */
type Telling<Held> = (found: Found, moment: Moment) => Held | null;

/** In the place of an expiry: what has a value has none; what has no value is of another type. */
const FOR_EVER = -1;
const OF_ANOTHER_TYPE = -3;

/** Looked at by one script, so that it holds up nobody else for long. */
const AT_ONCE = 250;
/** Without a bound for values. */
const ANY = Number.MAX_SAFE_INTEGER;
const OTHER_TYPE = "the key holds another Redis type";

/**
 * As `inspectRecords` of record-reads.ts, but for `mode` `bare`, which adopts what has no companion. With `most`: of the first ids,
 * as many as hold no more than so many bytes for each 250 of them; none where the first alone holds more.
 */
export function lookAtRecords(
  context: RedisContext,
  collection: RecordCollection,
  ids: readonly string[],
  adopt?: Adopt,
  most?: number,
): Promise<Seen<HeldRecord>> {
  const exactly = (some: readonly string[]) => inspectRecords(context, collection, some, adopt);
  if (adopt?.mode === "bare" || ids.length === 0) return exactly(ids);
  return lookAtMany(context, collection, ids, adopt ? recordAsItIs : heldRecord, exactly, most);
}

/** As `inspectCounters` of counter-operations.ts, but for `mode` `bare`. */
export function lookAtCounters(
  context: RedisContext,
  collection: CounterCollection,
  ids: readonly string[],
  adopt?: Adopt,
): Promise<Seen<HeldCounter>> {
  const exactly = (some: readonly string[]) => inspectCounters(context, collection, some, adopt);
  if (adopt?.mode === "bare" || ids.length === 0) return exactly(ids);
  return lookAtMany(context, collection, ids, bareCounter, exactly);
}

async function lookAtMany<Held>(
  context: RedisContext,
  collection: Collection,
  ids: readonly string[],
  tell: Telling<Held>,
  exactly: (ids: readonly string[]) => Promise<Seen<Held>>,
  most = ANY,
): Promise<Seen<Held>> {
  const parts: Promise<Seen<Held | null>>[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE)
    parts.push(lookAtSome(context, collection, ids.slice(from, from + AT_ONCE), tell, most));
  const looked = await Promise.all(parts);
  // The first ids, without a gap.
  const cut = looked.findIndex((part, n) => part.held.length < Math.min(AT_ONCE, ids.length - n * AT_ONCE));
  const held = (cut < 0 ? looked : looked.slice(0, cut + 1)).flatMap((part) => part.held);
  const rest = held.flatMap((one, i) => (one === null ? [i] : []));
  const seen = rest.length > 0 ? await exactly(rest.map((i) => ids[i] as string)) : null;
  const fences = [...looked.map(({ fence }) => fence), ...(seen ? [seen.fence] : [])];
  const [first = null] = fences;
  // The fence changed on the way: what was seen under it is told together or not at all.
  if (fences.some((fence) => !isSame(fence, first))) return exactly(ids.slice(0, held.length));
  rest.forEach((place, i) => {
    held[place] = seen?.held[i] as Held;
  });
  return { fence: first, held: held as Held[] };
}

async function lookAtSome<Held>(
  context: RedisContext,
  collection: Collection,
  ids: readonly string[],
  tell: Telling<Held>,
  most: number,
): Promise<Seen<Held | null>> {
  const keys: string[] = [controlKeys.fence];
  for (const id of ids) {
    const key = collection.redisKey(id);
    keys.push(key, companionKey(key));
  }
  const reply = await context.connection.script("dwLookAtMany", keys, [most]);
  const [text, clock, parts, expiries] = reply as [Buffer, [Buffer, Buffer], (Buffer | null)[][], number[]];
  const fence = validFence(context, text.toString() || null, collection.name);
  const moment = { now: Number(clock[0]) * 1000 + Math.floor(Number(clock[1]) / 1000), fence };
  const values = parts.length === 1 ? (parts[0] as (Buffer | null)[]) : parts.flat();
  const held = expiries.map((expiry, i) =>
    tell({ bytes: values[i * 2] ?? null, companion: values[i * 2 + 1] ?? null, expiry: Number(expiry) }, moment),
  );
  return { fence, held };
}

/** What the exact script says of a record that it adopts nothing of. */
function heldRecord(found: Found, moment: Moment): HeldRecord {
  const { bytes, expiry } = found;
  if (expiry === OF_ANOTHER_TYPE) return { kind: "unreadable", reason: OTHER_TYPE };
  const expiresAt = expiry < 0 ? null : expiry;
  const whole = moment.fence?.complete ?? false;
  if (!found.companion) {
    if (!bytes) return { kind: "absent" };
    return { kind: "value", stamp: 0, bytes, expiresAt, operations: [], bypass: true, compared: whole };
  }
  const {
    stamp,
    term,
    operations,
    digest,
    expiresAt: until,
  } = parseRecordCompanion(found.companion.toString("latin1"));
  const common = { stamp, operations, compared: whole || term === moment.fence?.term };
  if (bytes) {
    const bypass = !isSameMoment(until, expiresAt) || digest !== digestOf(bytes);
    return { kind: "value", ...common, bytes, expiresAt, bypass };
  }
  if (digest === null) return { kind: "tombstone", ...common, bytes: null, expiresAt: null };
  if (until !== null && until <= moment.now) return { kind: "expired", ...common, bytes: null, expiresAt: until };
  return { kind: "vanished", ...common, bytes: null, expiresAt: null };
}

/** The same where what bypass writers changed of the library's own is to be adopted, which the exact script does. */
function recordAsItIs(found: Found, moment: Moment): HeldRecord | null {
  const held = heldRecord(found, moment);
  const isChanged = held.kind === "vanished" || (held.kind === "value" && held.bypass && found.companion);
  return isChanged ? null : held;
}

/** Only of what the library never wrote. What isn't a counter the exact look says. */
function bareCounter({ bytes, expiry, companion }: Found, { fence }: Moment): HeldCounter | null {
  if (companion || expiry === OF_ANOTHER_TYPE) return null;
  const compared = fence?.complete ?? false;
  if (!bytes) return { kind: "absent", compared };
  const text = bytes.toString("latin1");
  const sum = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(sum)) return null;
  return {
    kind: "value",
    generation: 0,
    redisPart: sum,
    postgresPart: 0,
    stamp: 0,
    expiresAt: expiry === FOR_EVER ? null : expiry,
    operations: [],
    bypass: true,
    compared,
  };
}

/** To a millisecond, which a server before 7 can't tell. */
function isSameMoment(a: number | null, b: number | null): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= 1;
}

function isSame(a: Fence | null, b: Fence | null): boolean {
  return a?.term === b?.term && a?.role === b?.role && a?.complete === b?.complete;
}
