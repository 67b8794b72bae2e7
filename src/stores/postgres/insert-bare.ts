/** Brings states that were never stamped, many at once: as a backfill does with what the library never wrote. */
import type { Collection, CounterCollection, RecordCollection } from "../collection.js";
import type { CounterState, RecordState } from "../state.js";
import type { ApplyResult, Fenced } from "../store.js";
import type { PostgresContext } from "./context.js";
import { applyCounters, type StateOf as CounterStateOf } from "./counter-operations.js";
import { afterWriting } from "./errors.js";
import { isolate } from "./isolate.js";
import { mirrorStep } from "./mirror-step.js";
import { applyRecords, type StateOf as RecordStateOf, readRecords } from "./record-operations.js";
import { type BareRow, insertBareStatement } from "./statements/insert-bare.js";
import { rowCells, tableLayout } from "./table-layout.js";

/** Fewer go the usual way, where they share a round trip with others. */
const MANY = 8;
/** Of values in one statement, about. Bytes. */
const AT_ONCE = 1024 * 1024;

/** Null where the usual way is to be taken: a state is stamped, a delete, or there are few. */
export function insertBareRecords(
  context: PostgresContext,
  collection: RecordCollection,
  term: number,
  states: readonly RecordStateOf[],
): Promise<Fenced<ApplyResult>> | null {
  if (!isAlike(states, ({ stamp, bytes }) => stamp === 0 && bytes !== null)) return null;
  const layout = tableLayout(collection);
  return insertAll(context, collection, term, states, {
    row: ({ id, state: { bytes, expiresAt } }) => ({
      id,
      cells: rowCells(layout, id, collection.project(id, bytes as Buffer)),
      expiresAt,
      bytes,
      sum: null,
    }),
    found: (rest) => compareRecords(context, collection, term, rest),
  });
}

/** The same of counters that only Redis ever counted. */
export function insertBareCounters(
  context: PostgresContext,
  collection: CounterCollection,
  term: number,
  states: readonly CounterStateOf[],
): Promise<Fenced<ApplyResult>> | null {
  const isBare = ({ stamp, generation, postgresPart }: CounterState) =>
    stamp === 0 && generation === 0 && postgresPart === 0;
  if (!isAlike(states, isBare)) return null;
  const layout = tableLayout(collection);
  return insertAll(context, collection, term, states, {
    row: ({ id, state: { redisPart, expiresAt } }) => ({
      id,
      cells: rowCells(layout, id, collection.project(id, redisPart)),
      expiresAt,
      bytes: null,
      sum: redisPart,
    }),
    // The greater of each part has to stay.
    found: (rest) => applyCounters(context, collection, term, rest),
  });
}

/** A state without a stamp never takes the place of a row, so what stands says it all. */
async function compareRecords(
  context: PostgresContext,
  collection: RecordCollection,
  term: number,
  states: readonly RecordStateOf[],
): Promise<Fenced<ApplyResult>> {
  const ids = states.map(({ id }) => id);
  const { held } = await readRecords(context, collection, ids);
  const gone: number[] = [];
  const results = held.map((one, n): ApplyResult => {
    if (one.kind === "absent") gone.push(n);
    const { bytes, expiresAt } = (states[n] as RecordStateOf).state;
    const same =
      one.kind === "value" && one.stamp === 0 && one.expiresAt === expiresAt && one.bytes.equals(bytes as Buffer);
    return { kind: "kept", stamp: "stamp" in one ? one.stamp : 0, same };
  });
  if (gone.length === 0) return { fenced: false, results };
  // Removed since: it has its place again.
  const again = gone.map((n) => states[n] as RecordStateOf);
  const reply = await applyRecords(context, collection, term, again);
  if (reply.fenced) return reply;
  for (const [i, n] of gone.entries()) results[n] = reply.results[i] as ApplyResult;
  return { fenced: false, results };
}

interface Way<One> {
  /** @throws what the collection's `project` throws */
  readonly row: (one: One) => BareRow;
  /** For those whose row is there already. */
  readonly found: (rest: readonly One[]) => Promise<Fenced<ApplyResult>>;
}

interface Message {
  readonly id: string;
  readonly state: Pick<RecordState | CounterState, "operations">;
}

async function insertAll<One extends Message>(
  context: PostgresContext,
  collection: Collection,
  term: number,
  states: readonly One[],
  way: Way<One>,
): Promise<Fenced<ApplyResult>> {
  const results = new Array<ApplyResult>(states.length);
  const operations = states[0]?.state.operations ?? [];
  const there: number[] = [];
  const insert = async (part: readonly Placed[]): Promise<Fenced<ApplyResult>> => {
    const { connection } = context;
    const rows = part.map(({ row }) => row);
    const answer = await mirrorStep(context, term, () =>
      insertBareStatement(
        connection,
        tableLayout(collection),
        collection.kind,
        collection.name,
        term,
        operations,
        rows,
      ),
    );
    if (!answer.admitted) return { fenced: true, fence: answer.fence };
    for (const n of answer.leftAlone) there.push((part[n] as Placed).place);
    return { fenced: false, results: part.map(() => ({ kind: "applied" })) };
  };
  let turn = 0;
  for (const batch of batches(states, way, results)) {
    const run = () => isolate(batch, insert, (reason): ApplyResult => ({ kind: "rejected", reason }));
    const reply = await (turn++ === 0 ? run() : afterWriting(run));
    if (reply.fenced) return reply;
    for (const [n, { place }] of batch.entries()) results[place] = reply.results[n] as ApplyResult;
  }
  if (there.length === 0) return { fenced: false, results };
  const reply = await afterWriting(() => way.found(there.map((place) => states[place] as One)));
  if (reply.fenced) return reply;
  for (const [n, place] of there.entries()) results[place] = reply.results[n] as ApplyResult;
  return { fenced: false, results };
}

/** A row and its place among the states. */
interface Placed {
  readonly row: BareRow;
  readonly place: number;
}

/** Rows that go together: they leave the same columns to the database, and aren't too much. What can't be one is rejected. */
function* batches<One extends Message>(
  states: readonly One[],
  way: Way<One>,
  results: ApplyResult[],
): Generator<readonly Placed[], void, undefined> {
  const open = new Map<string, { rows: Placed[]; bytes: number }>();
  for (const [place, one] of states.entries()) {
    let row: BareRow;
    try {
      row = way.row(one);
    } catch (error) {
      results[place] = { kind: "rejected", reason: (error as Error).message };
      continue;
    }
    const columns = row.cells.includes(undefined) ? row.cells.map((cell) => cell === undefined).join() : "";
    const batch = open.get(columns) ?? { rows: [], bytes: 0 };
    open.set(columns, batch);
    batch.rows.push({ row, place });
    batch.bytes += row.bytes?.length ?? 0;
    if (batch.bytes < AT_ONCE) continue;
    open.delete(columns);
    yield batch.rows;
  }
  for (const { rows } of open.values()) yield rows;
}

/** Many, all bare, each id once, and with the same operations: then one statement serves them. */
function isAlike<State extends { readonly operations: readonly string[] }>(
  states: readonly { readonly id: string; readonly state: State }[],
  isBare: (state: State) => boolean,
): boolean {
  const operations = states[0]?.state.operations.join();
  return (
    states.length >= MANY &&
    states.every(({ state }) => isBare(state) && state.operations.join() === operations) &&
    new Set(states.map(({ id }) => id)).size === states.length
  );
}
