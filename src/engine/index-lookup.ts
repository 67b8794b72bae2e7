/** Finds a record by a second key. An index that isn't known to be whole never answers "none". */
import { AuthorityUnavailableError, ValidationError } from "../errors.js";
import type { RecordCollection, RecordIndex } from "../stores/collection.js";
import { describe } from "../stores/guard.js";
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
  const lookup = async () => {
    try {
      const { reply } = await readAuthority(context, operation, (guard, timeoutMs) =>
        guard.attempt((store) => store.findByIndex(collection, index, value), timeoutMs),
      );
      return reply;
    } catch (error) {
      if (!(error instanceof AuthorityReadError) || source === "authority") throw error;
      const { value: reply } = await fallback(
        context,
        operation,
        collection.name,
        1,
        error.store,
        error.cause,
        (guard, timeoutMs) => guard.attempt((store) => store.findByIndex(collection, index, value), timeoutMs),
      );
      return reply;
    }
  };
  const reply = await lookup();
  const found = await confirm(context, collection, definition, reply.ids, value, operation, source);
  if (found) return found;
  const authority = context.term.reign?.authority ?? "redis";
  // Programs that write Redis themselves write no index entries, so there an index alone never proves that there is none.
  const bypassed = authority === "redis" && context.bypassWriters;
  if (reply.complete && !bypassed) return null;
  if (!reply.complete) {
    const elsewhere = await lookElsewhere(context, collection, index, value, operation);
    const there = await confirm(context, collection, definition, elsewhere.ids, value, operation, source);
    if (there) return there;
    if (elsewhere.complete && !bypassed) return null;
  }
  const scanned = await scan(context, collection, definition, value, operation, authority);
  if (scanned) return scanned;
  if (!reply.fence?.complete) {
    const beyond = await scan(context, collection, definition, value, operation, otherStore(authority));
    if (beyond) return confirm(context, collection, definition, [beyond.id], value, operation, source);
  }
  await confirmMemory(context, collection, reply.fence, operation, authority);
  return null;
}

/** The other store's index; nothing, and incomplete, if it can't be asked. */
async function lookElsewhere(
  context: EngineContext,
  collection: RecordCollection,
  index: string,
  value: string,
  operation: Operation,
): Promise<{ ids: string[]; complete: boolean }> {
  const other = guardOf(context, otherStore(context.term.reign?.authority ?? "redis"));
  try {
    if (!other) return { ids: [], complete: false };
    return await other.attempt(
      (store) => store.findByIndex(collection, index, value),
      Math.max(1, operation.remaining / 2),
    );
  } catch {
    return { ids: [], complete: false };
  }
}

/** An entry may be stale: the record it leads to must still have the value. */
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

/** Looks through all records of a store, as long as the operation has time. */
async function scan(
  context: EngineContext,
  collection: RecordCollection,
  definition: RecordIndex,
  value: string,
  operation: Operation,
  store: StoreName,
): Promise<Found | null> {
  const guard = guardOf(context, store);
  let after: string | null = null;
  try {
    do {
      const cursor: string | null = after;
      if (!guard || operation.remaining < 1) throw new Error("the deadline came before the end of the scan");
      const page: Page<{ id: string; held: HeldRecord }> = await guard.attempt(
        (store) => store.pageRecords(collection, cursor, 1000),
        Math.max(1, operation.remaining),
      );
      for (const { id, held } of page.items) {
        if (held.kind === "value" && definition.valueOf(id, held.bytes) === value) return { id, bytes: held.bytes };
      }
      after = page.next;
    } while (after !== null);
    return null;
  } catch (error) {
    throw new AuthorityUnavailableError(
      `${collection.name} has no index that tells of every record, and looking through all of ${store} failed (${describe(error)}): whether there is one can't be known. Run "dual-write backfill", which builds the index; where no other program writes the legacy keys, set bypassWriters: false.`,
      { cause: error },
    );
  }
}
