/** The store's methods for records. */
import type { RecordCollection } from "../collection.js";
import type { RecordState } from "../state.js";
import type { ApplyResult, Fence, Fenced, HeldRecord, Page, RecordWrite, RecordWriteResult } from "../store.js";
import { inBatches } from "./batches.js";
import type { PostgresContext } from "./context.js";
import { gated, mirrorStep } from "./mirror-step.js";
import { applyRecordsStatement, type PreparedState } from "./statements/apply-records.js";
import { numberOrNull } from "./statements/moments.js";
import { PAGED, pageRows } from "./statements/page-rows.js";
import { ROW_AT, readAgain, readLiveValues, readRows } from "./statements/read-rows.js";
import { heldRecord, recordState } from "./statements/record-row.js";
import { type PreparedWrite, WRITTEN, writeRecordsStatement } from "./statements/write-records.js";
import { type Cell, rowCells, tableLayout } from "./table-layout.js";

export interface StateOf {
  readonly id: string;
  readonly state: RecordState;
}

export function readValues({ connection }: PostgresContext, collection: RecordCollection, ids: readonly string[]) {
  return readLiveValues(connection, collection, ids);
}

export async function readRecords(
  { connection }: PostgresContext,
  collection: RecordCollection,
  ids: readonly string[],
): Promise<{ fence: Fence | null; held: HeldRecord[] }> {
  const { fence, rows } = await readRows(connection, collection, ids);
  return { fence, held: rows.map((row) => heldRecord(row, ROW_AT)) };
}

export async function pageRecords(
  { connection }: PostgresContext,
  collection: RecordCollection,
  after: string | null,
  limit: number,
): Promise<Page<{ id: string; held: HeldRecord }>> {
  const rows = await pageRows(connection, collection, after, limit);
  const items = rows.slice(0, limit).map((row) => ({ id: row[PAGED.id] as string, held: heldRecord(row, PAGED.row) }));
  const isCut = rows.length > limit || rows.length < Number(rows[0]?.[PAGED.rows] ?? 0);
  return { items, next: isCut ? (items.at(-1)?.id ?? null) : null };
}

export function writeRecords(
  context: PostgresContext,
  collection: RecordCollection,
  term: number,
  writes: readonly RecordWrite[],
): Promise<Fenced<RecordWriteResult>> {
  return inBatches(
    writes,
    (write): PreparedWrite => ({ write, cells: projectedCells(collection, write.id, write.bytes) }),
    (batch) => decideWrites(context, collection, term, batch),
    (reason): RecordWriteResult => ({ kind: "rejected", reason }),
    ({ operationId }) => operationId,
  );
}

export function applyRecords(
  context: PostgresContext,
  collection: RecordCollection,
  term: number,
  states: readonly StateOf[],
): Promise<Fenced<ApplyResult>> {
  return inBatches(
    states,
    ({ id, state }): PreparedState => ({ id, state, cells: projectedCells(collection, id, state.bytes) }),
    (batch) => takeStates(context, collection, term, batch),
    (reason): ApplyResult => ({ kind: "rejected", reason }),
  );
}

async function decideWrites(
  { connection, logBound }: PostgresContext,
  collection: RecordCollection,
  term: number,
  batch: readonly PreparedWrite[],
): Promise<Fenced<RecordWriteResult>> {
  const room = await logBound.room(collection.name, batch.length);
  const answer = gated(
    await writeRecordsStatement(connection, tableLayout(collection), collection.name, term, room, batch),
  );
  if (!answer.admitted) return { fenced: true, fence: answer.fence };

  const results = new Array<RecordWriteResult>(batch.length);
  const undecided: number[] = [];
  for (const row of answer.rows) {
    const place = Number(row[WRITTEN.place]) - 1;
    const { bytes } = (batch[place] as PreparedWrite).write;
    if (row[WRITTEN.suspect] === true) results[place] = { kind: "suspect" };
    else if (row[WRITTEN.stamp] === null) undecided.push(place);
    else {
      const expiresAt = bytes === null ? null : numberOrNull(row[WRITTEN.expiresAt]);
      const state = {
        stamp: Number(row[WRITTEN.stamp]),
        bytes,
        expiresAt,
        operations: (row[WRITTEN.operations] as string).split(","),
      };
      results[place] = { kind: "written", state };
    }
  }

  // Left alone: because its operation was remembered, or because something else stood. The statement's own snapshot may be too
  // old to show which, so the rows are read again.
  const rows = await readAgain(
    connection,
    collection,
    undecided.map((place) => (batch[place] as PreparedWrite).write.id),
  );
  for (const [index, place] of undecided.entries()) {
    const { operationId, expected } = (batch[place] as PreparedWrite).write;
    const state = recordState(rows[index] ?? null, ROW_AT);
    // A write that expects nothing is left alone only for its operation, even if that was forgotten since.
    const isRepeated = state && (state.operations.includes(operationId) || !expected);
    results[place] = isRepeated ? { kind: "repeated", state } : { kind: "conflict" };
  }
  return { fenced: false, results };
}

async function takeStates(
  context: PostgresContext,
  collection: RecordCollection,
  term: number,
  batch: readonly PreparedState[],
): Promise<Fenced<ApplyResult>> {
  const { connection } = context;
  const answer = await mirrorStep(context, term, () =>
    applyRecordsStatement(connection, tableLayout(collection), collection.name, term, batch),
  );
  if (!answer.admitted) return { fenced: true, fence: answer.fence };

  const results = new Array<ApplyResult>(batch.length).fill({ kind: "applied" });
  const kept = answer.leftAlone;
  const rows = await readAgain(
    connection,
    collection,
    kept.map((place) => (batch[place] as PreparedState).id),
  );
  for (const [index, place] of kept.entries()) {
    const held = recordState(rows[index] ?? null, ROW_AT);
    results[place] = {
      kind: "kept",
      stamp: held?.stamp ?? 0,
      same: held !== null && isSame(held, (batch[place] as PreparedState).state),
    };
  }
  return { fenced: false, results };
}

/** @throws what the collection's `project` throws. */
function projectedCells(collection: RecordCollection, id: string, bytes: Buffer | null): Cell[] {
  return rowCells(tableLayout(collection), id, bytes === null ? null : collection.project(id, bytes));
}

function isSame(held: RecordState, given: RecordState): boolean {
  if (held.stamp !== given.stamp) return false;
  if (held.bytes === null || given.bytes === null) return held.bytes === given.bytes;
  return held.expiresAt === given.expiresAt && held.bytes.equals(given.bytes);
}
