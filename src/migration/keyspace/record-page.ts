/** Reads a page of records from Redis, the authority. */
import type { BoundRecords } from "../../engine/define-records.js";
import type { HeldRecord } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";

/** Records as Redis held them in one term. */
export interface RecordPage {
  readonly collection: BoundRecords<unknown>;
  readonly term: number;
  readonly ids: readonly string[];
  readonly held: readonly HeldRecord[];
}

/**
 * What bypass writers changed since the library wrote it is adopted on the way; a value that the library never wrote stays bare.
 * @throws FencedError when `term` isn't Redis's any more
 */
export async function readRecordPage(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  term: number,
): Promise<RecordPage> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectRecords(collection, ids, { term, mode: "changed" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  return { collection, term, ids, held };
}
