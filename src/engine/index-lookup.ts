/** Finds a record by a second key. An index that isn't known to be whole never answers "none". */
import { AuthorityUnavailableError, ValidationError } from "../errors.js";
import type { RecordCollection, RecordIndex } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import { otherStore, type StoreName } from "../stores/state.js";
import type { Fence, HeldRecord, Page } from "../stores/store.js";
import { AuthorityReadError, readAuthority } from "./authority-read.js";
import { type EngineContext, guardOf } from "./context.js";
import { fallback } from "./fallback.js";
import { type ReadSource, readRecords } from "./record-reader.js";

export interface Found {
  readonly id: string;
  readonly bytes: Buffer;
}

/** @throws ValidationError for an index that the collection doesn't have */
export function indexOf(collection: RecordCollection, index: string): RecordIndex {
  const definition = collection.indexes[index];
  if (definition) return definition;
  const names = Object.keys(collection.indexes).join(", ") || "none";
  throw new ValidationError([
    { path: "index", message: `${collection.name} has no index "${index}"; it has: ${names}` },
  ]);
}

/**
 * `source`: whether the other store may answer while the authority is away, or the authority alone.
 * @throws AuthorityUnavailableError when it can't be known whether there is one; AuthorityReadError where the authority alone was asked
 */
export async function findByIndex(
  context: EngineContext,
  collection: RecordCollection,
  index: string,
  value: string,
  operation: Operation,
  source: ReadSource = "either",
): Promise<Found | null> {
  const definition = indexOf(collection, index);
  const { authority, reply, isFallback } = await askIndex(context, collection, index, value, operation, source);
  const confirmed = (ids: readonly string[]) => confirm(context, collection, definition, ids, value, operation, source);
  const found = await confirmed(reply.ids);
  if (found) return found;
  // Programs that write Redis themselves write no index entries, so there an index alone never proves that there is none.
  const bypassed = authority === "redis" && context.bypassWriters;
  if (reply.complete && !bypassed) return null;
  if (!reply.complete && !isFallback) {
    const elsewhere = await lookElsewhere(context, collection, index, value, operation, otherStore(authority));
    const there = await confirmed(elsewhere.ids);
    if (there) return there;
    if (elsewhere.complete && !bypassed) return null;
  }
  // A fallback's fence doesn't tell whether the authority lacks something.
  const isWhole = !isFallback && reply.fence?.complete;
  for (const store of isWhole ? [authority] : [authority, otherStore(authority)]) {
    for await (const ids of lookThrough(context, collection, definition, value, operation, store)) {
      const one = await confirmed(ids);
      if (one) return one;
    }
  }
  await confirmMemory(context, collection, reply.fence, operation, authority);
  return null;
}

interface IndexReply {
  readonly fence: Fence | null;
  readonly ids: readonly string[];
  /** The index tells of all records. */
  readonly complete: boolean;
}

/** `isFallback`: the authority didn't answer, and the other store did. */
async function askIndex(
  context: EngineContext,
  collection: RecordCollection,
  index: string,
  value: string,
  operation: Operation,
  source: ReadSource,
): Promise<{ readonly authority: StoreName; readonly reply: IndexReply; readonly isFallback: boolean }> {
  const ask = (guard: Guard, timeoutMs: number): Promise<IndexReply> =>
    guard.attempt((store) => store.findByIndex(collection, index, value), timeoutMs);
  try {
    const { store, reply } = await readAuthority(context, operation, ask);
    return { authority: store, reply, isFallback: false };
  } catch (error) {
    if (!(error instanceof AuthorityReadError) || source === "authority") throw error;
    const { store, cause } = error;
    const { value: reply } = await fallback(context, operation, collection.name, 1, store, cause, ask);
    return { authority: store, reply, isFallback: true };
  }
}

/** The other store's index; nothing, and incomplete, if it can't be asked. */
async function lookElsewhere(
  context: EngineContext,
  collection: RecordCollection,
  index: string,
  value: string,
  operation: Operation,
  name: StoreName,
): Promise<IndexReply> {
  const nothing = { fence: null, ids: [], complete: false };
  const other = guardOf(context, name);
  try {
    if (!other) return nothing;
    return await other.attempt(
      (store) => store.findByIndex(collection, index, value),
      Math.max(1, operation.remaining / 2),
    );
  } catch {
    return nothing;
  }
}

/**
 * An entry may be stale: the record it leads to must still have the value. And so may be what a store holds that isn't the authority, or
 * lost its memory.
 */
async function confirm(
  context: EngineContext,
  collection: RecordCollection,
  definition: RecordIndex,
  ids: readonly string[],
  value: string,
  operation: Operation,
  source: ReadSource,
): Promise<Found | null> {
  const outcomes = await readRecords(context, collection, ids, operation, source);
  for (const [i, outcome] of outcomes.entries()) {
    const id = ids[i] as string;
    if (outcome.kind === "error") throw outcome.error;
    if (outcome.kind === "hit" && definition.valueOf(id, outcome.value) === value) return { id, bytes: outcome.value };
  }
  return null;
}

/** Pages tell nothing of the fence: a memory that was lost before the last one was read says nothing by what it lacks. */
async function confirmMemory(
  context: EngineContext,
  collection: RecordCollection,
  before: Fence | null,
  operation: Operation,
  store: StoreName,
): Promise<void> {
  const guard = guardOf(context, store);
  const fence = await guard?.attempt((store) => store.readFence(), Math.max(1, operation.remaining)).catch(() => null);
  if (fence && fence.term === before?.term && (fence.agreed ?? true) === (before.agreed ?? true)) return;
  throw new AuthorityUnavailableError(
    `${store} lost its memory, or the authority moved, while all of ${collection.name} was looked through: whether there is one can't be known now. Look again.`,
  );
}

/** Looks through all records of a store, as long as the operation has time, for those that may have the value: a page's at a time. */
async function* lookThrough(
  context: EngineContext,
  collection: RecordCollection,
  definition: RecordIndex,
  value: string,
  operation: Operation,
  store: StoreName,
): AsyncGenerator<string[]> {
  let after: string | null = null;
  do {
    const page: Page<{ id: string; held: HeldRecord }> = await pageOf(context, collection, after, operation, store);
    yield page.items.flatMap(({ id, held }) =>
      held.kind === "value" && definition.valueOf(id, held.bytes) === value ? [id] : [],
    );
    after = page.next;
  } while (after !== null);
}

async function pageOf(
  context: EngineContext,
  collection: RecordCollection,
  after: string | null,
  operation: Operation,
  store: StoreName,
): Promise<Page<{ id: string; held: HeldRecord }>> {
  const guard = guardOf(context, store);
  try {
    if (!guard || operation.remaining < 1) throw new Error("the deadline came before the end of the scan");
    return await guard.attempt((store) => store.pageRecords(collection, after, 1000), Math.max(1, operation.remaining));
  } catch (error) {
    throw new AuthorityUnavailableError(
      `${collection.name} has no index that tells of every record, and looking through all of ${store} failed (${describe(error)}): whether there is one can't be known. Run "dual-write backfill", which builds the index; where no other program writes the legacy keys, set bypassWriters: false.`,
      { cause: error },
    );
  }
}
