/** Writes records, and changes them by compare-and-set. */
import { ValidationError } from "../errors.js";
import type { RecordCollection } from "../stores/collection.js";
import type { Operation } from "../stores/operation.js";
import type { RecordState } from "../stores/state.js";
import type { Expected, HeldRecord, RecordWrite, RecordWriteResult } from "../stores/store.js";
import { type Decided, decideAndTell, type WriteKind } from "./authority-step.js";
import { outrun, untilAuthorityAnswers } from "./authority-wait.js";
import type { EngineContext } from "./context.js";
import { mirrorRecords } from "./mirror.js";
import { readForUpdate } from "./record-reader.js";
import { fetchMissing } from "./refetch.js";

/** What became of each write. */
export type Written = Decided<RecordWriteResult>;

const RECORDS: WriteKind<RecordCollection, RecordWrite, RecordWriteResult> = {
  what: ({ name }) => `A write to ${name}`,
  refusedTo: "the record",
  decide: (guard, collection, term, writes, timeoutMs) => guard.hot.writeRecords(collection, term, writes, timeoutMs),
  fetch: async (context, collection, ids, operation, incomplete) => {
    const fetched = await fetchMissing(context, collection, ids, operation, incomplete);
    return fetched instanceof Error ? fetched : null;
  },
  tell: mirrorRecords,
};

/**
 * Writes all of `writes` in one step of the authority, acknowledged as the strategy says.
 * @throws AuthorityUnavailableError, OutcomeUnknownError, DeadlineExceededError, ValidationError (refused for good)
 */
export function writeRecords(
  context: EngineContext,
  collection: RecordCollection,
  writes: readonly RecordWrite[],
  operation: Operation,
): Promise<Written[]> {
  return decideAndTell(context, RECORDS, collection, writes, operation);
}

/** What a change makes of the present value: new bytes, null to delete, or `leave` to end without writing. */
export type Change = { readonly bytes: Buffer | null; readonly expiresAt: number | null | "keep" } | "leave";

export interface Changed {
  readonly kind: "written" | "repeated" | "left";
  /** What stands after the change. */
  readonly state: RecordState | null;
  /** What the change was made from; null if nothing live stood. */
  readonly before: Buffer | null;
}

/**
 * Reads, changes and writes only if what was read still stands; otherwise begins again.
 * @throws ConflictError when others keep winning until the deadline
 */
export async function changeRecord(
  context: EngineContext,
  collection: RecordCollection,
  id: string,
  operation: Operation,
  change: (present: Buffer | null) => Change,
): Promise<Changed> {
  for (;;) {
    const held = await readAuthorityWithin(context, collection, id, operation);
    if (held.kind === "unreadable")
      throw new ValidationError([{ path: "", message: `${collection.name}: ${held.reason}` }]);
    const before = held.kind === "value" ? held.bytes : null;
    if (held.kind !== "absent" && held.operations.includes(operation.id)) {
      return {
        kind: "repeated",
        state: { stamp: held.stamp, bytes: before, expiresAt: held.expiresAt, operations: held.operations },
        before,
      };
    }
    const next = change(before);
    if (next === "leave") return { kind: "left", state: null, before };
    const write: RecordWrite = {
      id,
      ...next,
      operationId: operation.id,
      expected: expectedOf(held),
    };
    const [result] = await writeRecords(context, collection, [write], operation);
    // Done by an earlier attempt of this call, or now: what it was made from is known in either case.
    if (result && result.kind !== "conflict") return { kind: "written", state: result.state, before };
    operation.outrun = true;
    if (operation.expired) throw outrun(collection.name, operation);
  }
}

function expectedOf(held: Exclude<HeldRecord, { kind: "unreadable" }>): Expected {
  if (held.kind === "value") return { stamp: held.stamp, bytes: held.bytes, bypass: held.bypass };
  return { stamp: held.kind === "absent" ? 0 : held.stamp, bytes: null };
}

/** A compare-and-set reads from the authority only, and waits for it as a write does. */
export function readAuthorityWithin(
  context: EngineContext,
  collection: RecordCollection,
  id: string,
  operation: Operation,
): Promise<HeldRecord> {
  return untilAuthorityAnswers(collection.name, operation, () => readForUpdate(context, collection, id, operation));
}
