/** Reads a page of records from Redis, the authority. */
import type { BoundRecords } from "../../engine/define-records.js";
import type { HeldRecord } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";

/** Of values that one script brings. Bytes. A greater value comes alone. */
export const VALUE_BYTES = 1024 * 1024;

/** Records as Redis held them in one term. */
export interface RecordPage {
  readonly collection: BoundRecords<unknown>;
  readonly term: number;
  readonly ids: readonly string[];
  readonly held: readonly HeldRecord[];
}

/**
 * The first of the ids, as far as their values aren't great together; none where the first one is. What bypass writers changed since
 * the library wrote it is adopted on the way; a value that the library never wrote stays bare.
 * @throws FencedError when `term` isn't Redis's any more
 */
export async function readRecordPage(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  term: number,
): Promise<RecordPage> {
  return readPage(context, collection, ids, term, VALUE_BYTES);
}

/** The same, but at least one: of the first ids as many as aren't great together, or the first one, however great it is. */
export async function readSomeRecords(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  term: number,
): Promise<RecordPage> {
  const page = await readRecordPage(context, collection, ids, term);
  return page.ids.length > 0 ? page : readPage(context, collection, ids.slice(0, 1), term);
}

async function readPage(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  term: number,
  most?: number,
): Promise<RecordPage> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectRecords(collection, ids, { term, mode: "changed" }, most),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  return { collection, term, ids: ids.slice(0, held.length), held };
}
