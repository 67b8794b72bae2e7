/** The store's methods for counters. */
import type { CounterCollection } from "../collection.js";
import type { CounterState } from "../state.js";
import type { ApplyResult, CounterAdd, CounterAddResult, Fence, Fenced, HeldCounter, Page } from "../store.js";
import type { PostgresContext } from "./context.js";
import { isolate } from "./isolate.js";
import { gated, mirrorStep } from "./mirror-step.js";
import { ADDED, addToCountersStatement } from "./statements/add-to-counters.js";
import { applyCountersStatement } from "./statements/apply-counters.js";
import { counterCells } from "./statements/counter-cells.js";
import { counterState, heldCounter } from "./statements/counter-row.js";
import { PAGED, pageRows } from "./statements/page-rows.js";
import { ROW_AT, readAgain, readRows } from "./statements/read-rows.js";
import { tableLayout } from "./table-layout.js";

export interface StateOf {
  readonly id: string;
  readonly state: CounterState;
}

export async function readCounters(
  { connection }: PostgresContext,
  collection: CounterCollection,
  ids: readonly string[],
): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
  const { fence, rows } = await readRows(connection, collection, ids);
  return { fence, held: rows.map((row) => heldCounter(row, ROW_AT, fence?.complete ?? false)) };
}

export async function pageCounters(
  { connection }: PostgresContext,
  collection: CounterCollection,
  after: string | null,
  limit: number,
): Promise<Page<{ id: string; held: HeldCounter }>> {
  const rows = await pageRows(connection, collection, after, limit);
  const items = rows
    .slice(0, limit)
    .map((row) => ({ id: row[PAGED.id] as string, held: heldCounter(row, PAGED.row, row[PAGED.whole] === true) }));
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}

export async function addToCounters(
  context: PostgresContext,
  collection: CounterCollection,
  term: number,
  adds: readonly CounterAdd[],
): Promise<Fenced<CounterAddResult>> {
  if (adds.length === 0) return { fenced: false, results: [] };
  return isolate(
    adds,
    (part) => decideAdds(context, collection, term, part),
    (reason): CounterAddResult => ({ kind: "rejected", reason }),
    ({ operationId }) => operationId,
  );
}

export async function applyCounters(
  context: PostgresContext,
  collection: CounterCollection,
  term: number,
  states: readonly StateOf[],
): Promise<Fenced<ApplyResult>> {
  if (states.length === 0) return { fenced: false, results: [] };
  return isolate(
    states,
    (part) => mergeStates(context, collection, term, part),
    (reason): ApplyResult => ({ kind: "rejected", reason }),
  );
}

async function decideAdds(
  { connection, logBound }: PostgresContext,
  collection: CounterCollection,
  term: number,
  adds: readonly CounterAdd[],
): Promise<Fenced<CounterAddResult>> {
  const layout = tableLayout(collection);
  const cells = counterCells(
    collection,
    layout,
    adds.map(({ id, by }) => ({ id, sum: by })),
  );
  const room = await logBound.room(collection.name, adds.length);
  const answer = gated(await addToCountersStatement(connection, layout, collection.name, term, room, adds, cells));
  if (!answer.admitted) return { fenced: true, fence: answer.fence };

  const results = new Array<CounterAddResult>(adds.length);
  const undecided: number[] = [];
  for (const row of answer.rows) {
    const place = Number(row[ADDED.place]) - 1;
    const state = counterState(row, ADDED.state);
    if (row[ADDED.suspect] === true) results[place] = { kind: "suspect" };
    else if (state) results[place] = { kind: "added", state };
    else undecided.push(place);
  }

  const rows = await readAgain(
    connection,
    collection,
    undecided.map((place) => (adds[place] as CounterAdd).id),
  );
  for (const [index, place] of undecided.entries()) {
    const { operationId, by } = adds[place] as CounterAdd;
    const held = heldCounter(rows[index] ?? null, ROW_AT, true);
    const state = counterState(rows[index] ?? null, ROW_AT);
    const sum = held.kind === "value" ? held.redisPart + held.postgresPart : 0;
    const isFull = !state || (!state.operations.includes(operationId) && !Number.isSafeInteger(sum + by));
    results[place] = isFull
      ? { kind: "rejected", reason: "the counter would pass 2^53 - 1" }
      : { kind: "repeated", state };
  }
  return { fenced: false, results };
}

async function mergeStates(
  context: PostgresContext,
  collection: CounterCollection,
  term: number,
  states: readonly StateOf[],
): Promise<Fenced<ApplyResult>> {
  const { connection } = context;
  const layout = tableLayout(collection);
  const cells = counterCells(
    collection,
    layout,
    states.map(({ id, state }) => ({ id, sum: state.redisPart + state.postgresPart })),
  );
  const answer = await mirrorStep(context, term, () =>
    applyCountersStatement(connection, layout, collection.name, term, states, cells),
  );
  if (!answer.admitted) return { fenced: true, fence: answer.fence };

  const results = new Array<ApplyResult>(states.length).fill({ kind: "applied" });
  const kept = answer.leftAlone;
  const rows = await readAgain(
    connection,
    collection,
    kept.map((place) => (states[place] as StateOf).id),
  );
  for (const [index, place] of kept.entries()) {
    const held = counterState(rows[index] ?? null, ROW_AT);
    results[place] = {
      kind: "kept",
      stamp: held?.stamp ?? 0,
      same: held !== null && isSame(held, (states[place] as StateOf).state),
    };
  }
  return { fenced: false, results };
}

function isSame(held: CounterState, given: CounterState): boolean {
  return (
    held.generation === given.generation &&
    held.redisPart === given.redisPart &&
    held.postgresPart === given.postgresPart &&
    held.expiresAt === given.expiresAt
  );
}
