/** Writes records: the authority decides, the mirror is told, the repair log covers what lies between. */
import { ConflictError, ValidationError } from "../errors.js";
import type { RecordCollection } from "../stores/collection.js";
import type { Guard } from "../stores/guard.js";
import type { Operation } from "../stores/operation.js";
import type { RecordState } from "../stores/state.js";
import type { HeldRecord, RecordWrite, RecordWriteResult } from "../stores/store.js";
import { untilAuthorityAnswers } from "./authority-wait.js";
import type { EngineContext } from "./context.js";
import { type Message, mirrorRecords } from "./mirror.js";
import { readForUpdate } from "./record-reader.js";
import { fetchMissing, uncompared } from "./refetch.js";
import { atAuthority, type Reign } from "./term-view.js";

/** What became of each write. */
export type Written = Extract<RecordWriteResult, { kind: "written" | "repeated" | "conflict" }>;

/**
 * Writes all of `writes` in one step of the authority, acknowledged as the strategy says.
 * @throws AuthorityUnavailableError, OutcomeUnknownError, DeadlineExceededError, ValidationError (refused for good)
 */
export async function writeRecords(
  context: EngineContext,
  collection: RecordCollection,
  writes: readonly RecordWrite[],
  operation: Operation,
): Promise<Written[]> {
  const result = await atAuthority(
    context,
    operation,
    () => `A write to ${collection.name}`,
    async (guard, present, timeoutMs) => {
      const first = await guard.hot.writeRecords(collection, present.term, writes, timeoutMs);
      if (first.fenced) return "fenced";
      const results = first.results.some(({ kind }) => kind === "suspect")
        ? await decideAgain(context, collection, writes, first.results, operation, guard, present, timeoutMs)
        : first.results;
      if (results === "fenced") return "fenced";
      const messages: Message<RecordState>[] = [];
      for (let i = 0; i < results.length; i++) {
        const one = results[i] as RecordWriteResult;
        if (one.kind === "written" || one.kind === "repeated")
          messages.push({ id: (writes[i] as RecordWrite).id, state: one.state });
      }
      if ((await mirrorRecords(context, collection, present, messages, operation)) === "told") return results;
      operation.uncertain = true;
      return "fenced";
    },
  );

  const refused = result.find((one) => one.kind === "rejected");
  if (refused?.kind === "rejected") {
    throw new ValidationError(
      [{ path: "", message: `${collection.name}: the authority refuses the record: ${refused.reason}` }],
      { operationId: operation.id },
    );
  }
  return result as Written[];
}

/** The authority lost its memory: what the other store has of the suspects comes first. */
async function decideAgain(
  context: EngineContext,
  collection: RecordCollection,
  writes: readonly RecordWrite[],
  first: readonly RecordWriteResult[],
  operation: Operation,
  guard: Guard,
  present: Reign,
  timeoutMs: number,
): Promise<RecordWriteResult[] | "fenced"> {
  const suspects = writes.filter((_, i) => first[i]?.kind === "suspect").map((write) => write.id);
  const fence = { term: present.term, role: "authority", complete: false } as const;
  const fetched = await fetchMissing(context, collection, suspects, operation, { store: present.authority, fence });
  if (fetched instanceof Error) throw uncompared(fetched);
  const compared = writes.map((write) => (suspects.includes(write.id) ? { ...write, compared: true } : write));
  // The fetching took its part of the time.
  const leftMs = Math.max(1, Math.min(operation.remaining, timeoutMs));
  const second = await guard.hot.writeRecords(collection, present.term, compared, leftMs);
  return second.fenced ? "fenced" : second.results;
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
      expected: { stamp: held.kind === "absent" ? 0 : held.stamp, bytes: before },
    };
    const [result] = await writeRecords(context, collection, [write], operation);
    // Done by an earlier attempt of this call, or now: what it was made from is known in either case.
    if (result && result.kind !== "conflict") return { kind: "written", state: result.state, before };
    if (operation.expired) {
      throw new ConflictError(
        `${collection.name}: other changes kept coming first until the deadline; nothing was applied. Retry it.`,
        {
          operationId: operation.id,
        },
      );
    }
  }
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
