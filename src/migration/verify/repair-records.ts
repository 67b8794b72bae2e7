/** Makes the mirror's records equal to the authority's again: the present truth gets a stamp that wins. */
import { randomUUID } from "node:crypto";
import type { BoundRecords } from "../../engine/define-records.js";
import { stateOf } from "../../engine/refetch.js";
import type { Reign } from "../../engine/term-view.js";
import { FencedError } from "../../errors.js";
import { operationId } from "../../stores/operation.js";
import { otherStore, type RecordState } from "../../stores/state.js";
import type { ApplyResult, HeldRecord, RecordWrite } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";

interface Message {
  readonly id: string;
  readonly state: RecordState;
}

/**
 * Redis as the authority: what bypass writers did is adopted, then told. Where that gives no newer stamp, and always while Postgres
 * is the authority, the record is written again with what stands, by compare-and-set; what isn't there is deleted again.
 * @throws FencedError when the reign has ended
 */
export async function repairRecords(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  reign: Reign,
): Promise<void> {
  const authority = context[reign.authority];
  const adopt = reign.authority === "redis" ? ({ term: reign.term, mode: "bare" } as const) : undefined;
  const { fence, held } = await authority.attempt((store) => store.inspectRecords(collection, ids, adopt), PAGE_MS);
  // An incomplete authority isn't sure of what it lacks.
  if (fence?.role !== "authority" || fence.term !== reign.term || !fence.complete) return fenced(context);
  const present = new Map(ids.map((id, i) => [id, held[i] as HeldRecord]));
  const adopted = adopt ? messagesOf(present) : [];
  const results = await tell(context, collection, reign, adopted);
  const left = ids.filter((id) => !isTold(results.get(id)) && present.get(id)?.kind !== "unreadable");
  await tell(context, collection, reign, await writeAgain(context, collection, left, present, reign));
}

function messagesOf(present: ReadonlyMap<string, HeldRecord>): Message[] {
  return [...present].flatMap(([id, held]) => {
    const state = stateOf(held);
    return state ? [{ id, state }] : [];
  });
}

/** Whether the mirror holds this state now, or refuses it for good. */
function isTold(result: ApplyResult | undefined): boolean {
  if (result === undefined) return false;
  return result.kind !== "kept" || result.same;
}

async function writeAgain(
  context: BothStores,
  collection: BoundRecords<unknown>,
  ids: readonly string[],
  present: ReadonlyMap<string, HeldRecord>,
  reign: Reign,
): Promise<Message[]> {
  if (ids.length === 0) return [];
  const writes = ids.map((id): RecordWrite => {
    const held = present.get(id) as HeldRecord;
    const bytes = held.kind === "value" ? held.bytes : null;
    return {
      id,
      bytes,
      expiresAt: "keep",
      operationId: operationId(randomUUID()),
      expected: { stamp: "stamp" in held ? held.stamp : 0, bytes },
    };
  });
  const reply = await context[reign.authority].attempt(
    (store) => store.writeRecords(collection, reign.term, writes),
    PAGE_MS,
  );
  if (reply.fenced) return fenced(context);
  // What conflicts was written meanwhile: its writer tells the mirror.
  return reply.results.flatMap((result, i) =>
    result.kind === "written" ? [{ id: ids[i] as string, state: result.state }] : [],
  );
}

async function tell(
  context: BothStores,
  collection: BoundRecords<unknown>,
  reign: Reign,
  messages: readonly Message[],
): Promise<Map<string, ApplyResult>> {
  if (messages.length === 0) return new Map();
  const reply = await context[otherStore(reign.authority)].attempt(
    (store) => store.applyRecords(collection, reign.term, messages),
    PAGE_MS,
  );
  if (reply.fenced) return fenced(context);
  const results = new Map(messages.map(({ id }, i) => [id, reply.results[i] as ApplyResult]));
  const told = messages.flatMap(({ id, state }) =>
    isTold(results.get(id)) && results.get(id)?.kind !== "rejected" ? [{ id, stamp: state.stamp }] : [],
  );
  await context[reign.authority].attempt((store) => store.clearLog(collection, told), PAGE_MS);
  return results;
}

function fenced(context: BothStores): never {
  context.term.contradicted();
  throw new FencedError("The authority changed during a repair.");
}
