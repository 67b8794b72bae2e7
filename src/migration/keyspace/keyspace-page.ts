/** Reads a page of the keyspace: one step of SCAN, and what stands under the keys it gave. */
import type { BoundCounters } from "../../engine/define-counters.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import { type CounterPage, readCounterPage } from "./counter-page.js";
import type { KeySorter } from "./key-sorter.js";
import { type RecordPage, readRecordPage, readSomeRecords } from "./record-page.js";

/** A key whose email is spelled otherwise than its record's. */
export interface VariantKey {
  readonly key: string;
  readonly collection: BoundCollection;
  /** Of the record or counter that the key's content belongs to. */
  readonly id: string;
}

/** The keys of a page by what they are; a key occurs once. */
export interface Listing {
  /** Where the next page begins; null at the end. */
  readonly next: string | null;
  /** Keys that SCAN gave, with the library's own. */
  readonly scanned: number;
  /** All of them but the library's own. */
  readonly keys: readonly Buffer[];
  readonly records: ReadonlyMap<BoundRecords<unknown>, readonly string[]>;
  readonly counters: ReadonlyMap<BoundCounters, readonly string[]>;
  readonly variants: readonly VariantKey[];
  readonly ignored: readonly { readonly key: Buffer; readonly pattern: string }[];
  readonly odd: readonly { readonly key: Buffer; readonly collection: BoundCollection; readonly reason: string }[];
  readonly hasStatistics: boolean;
  /** Records and counters that a companion stands for. */
  readonly companions: ReadonlyMap<BoundCollection, readonly string[]>;
}

/** What stands under a listing's keys, as read in one term. */
export interface States {
  readonly term: number;
  readonly records: readonly RecordPage[];
  readonly counters: readonly CounterPage[];
  /** Records that weren't read yet, since their values are too great to be held together with the others. */
  readonly rest: Listing["records"];
  /** Postgres's clock at the reading, milliseconds since the epoch, and this process's monotonic one. */
  readonly read: { readonly now: number; readonly at: number };
}

/** Redis is another server, or began anew: a place in the old one's keyspace means nothing to it. */
export class ServerChangedError extends Error {
  override readonly name = "ServerChangedError";
}

/** Names the server and database that is read; a cursor is worthless on another one. @throws NotConnectedError */
export function serverOf(context: BothStores): string {
  const { connection } = context.redis.store;
  return `${connection.runId}/${connection.client.options.db ?? 0}`;
}

/**
 * The whole keyspace in one pass, without MATCH: the server walks through all keys for each pattern anyway, so one pass costs a
 * sixth of six, and only so keys are seen that no pattern names.
 * @throws ServerChangedError
 */
export async function listPage(
  context: BothStores,
  sorter: KeySorter,
  server: string,
  cursor: string,
  { count, pattern }: { readonly count: number; readonly pattern?: string | undefined },
): Promise<Listing> {
  const [next, keys] = await context.redis.attempt(async ({ connection }) => {
    if (serverOf(context) !== server) throw new ServerChangedError("Redis restarted while it was listed.");
    if (pattern === undefined) return connection.client.scanBuffer(cursor, "COUNT", count);
    return connection.client.scanBuffer(cursor, "MATCH", pattern, "COUNT", count);
  }, PAGE_MS);
  const records = new Map<BoundRecords<unknown>, string[]>();
  const counters = new Map<BoundCounters, string[]>();
  const companions = new Map<BoundCollection, string[]>();
  const variants: VariantKey[] = [];
  const ignored: { key: Buffer; pattern: string }[] = [];
  const odd: { key: Buffer; collection: BoundCollection; reason: string }[] = [];
  const legacy: Buffer[] = [];
  let hasStatistics = false;
  const distinct = new Map(keys.map((key) => [key.toString("latin1"), key]));
  for (const key of distinct.values()) {
    const sorted = sorter.sort(key);
    if (sorted.kind !== "own") legacy.push(key);
    if (sorted.kind === "records") append(records, sorted.collection, sorted.id);
    else if (sorted.kind === "counters") append(counters, sorted.collection, sorted.id);
    else if (sorted.kind === "variant")
      variants.push({ key: key.toString(), collection: sorted.collection, id: sorted.id });
    else if (sorted.kind === "ignored") ignored.push({ key, pattern: sorted.pattern });
    else if (sorted.kind === "odd") odd.push({ key, collection: sorted.collection, reason: sorted.reason });
    else if (sorted.kind === "statistics") hasStatistics = true;
    else if (sorted.of) append(companions, sorted.of.collection, sorted.of.id);
  }
  const end = next.toString();
  return {
    next: end === "0" ? null : end,
    scanned: keys.length,
    keys: legacy,
    records,
    counters,
    variants,
    ignored,
    odd,
    hasStatistics,
    companions,
  };
}

/** @throws FencedError when `term` isn't Redis's any more */
export async function readStates(context: BothStores, listing: Listing, term: number): Promise<States> {
  const at = performance.now();
  const [records, counters, now] = await Promise.all([
    Promise.all([...listing.records].map(([collection, ids]) => readRecordPage(context, collection, ids, term))),
    Promise.all([...listing.counters].map(([collection, ids]) => readCounterPage(context, collection, ids, term))),
    context.postgres.attempt((store) => store.now(), PAGE_MS),
  ]);
  const rest = records.flatMap(({ collection, ids }) => {
    const all = listing.records.get(collection) ?? [];
    return ids.length < all.length ? [[collection, all.slice(ids.length)] as const] : [];
  });
  return { term, records, counters, rest: new Map(rest), read: { now, at } };
}

/** Some of a listing's rest, at least one of them; what is left of it is the rest of that. @throws as `readStates` */
export async function readRest(context: BothStores, rest: Listing["records"], term: number): Promise<States> {
  const at = performance.now();
  const [[collection, ids], ...others] = [...rest] as [
    [BoundRecords<unknown>, readonly string[]],
    ...(readonly [BoundRecords<unknown>, readonly string[]])[],
  ];
  const [page, now] = await Promise.all([
    readSomeRecords(context, collection, ids, term),
    context.postgres.attempt((store) => store.now(), PAGE_MS),
  ]);
  const left = ids.slice(page.ids.length);
  const after = new Map([...(left.length > 0 ? [[collection, left] as const] : []), ...others]);
  return { term, records: [page], counters: [], rest: after, read: { now, at } };
}

/** Of the records' values; a counter's are small. */
export function bytesOf({ records }: States): number {
  let bytes = 0;
  for (const { held } of records) for (const one of held) if (one.kind === "value") bytes += one.bytes.length;
  return bytes;
}

/** Records of a rest. */
export function sizeOf(rest: States["rest"]): number {
  return [...rest.values()].reduce((sum, ids) => sum + ids.length, 0);
}

function append<K>(groups: Map<K, string[]>, key: K, id: string): void {
  const ids = groups.get(key);
  if (ids) ids.push(id);
  else groups.set(key, [id]);
}
