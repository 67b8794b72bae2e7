/** The authority's step for counters: all increments of a call in one statement. */
import { COUNTER_OPERATIONS } from "../../state.js";
import type { CounterAdd } from "../../store.js";
import type { PostgresConnection, Row } from "../connection.js";
import { booleanArray, numberArray, textArray } from "../sql-text.js";
import { statement, type TableLayout } from "../table-layout.js";
import type { CounterCells } from "./counter-cells.js";
import { counterLiveSql, counterStateColumns } from "./counter-row.js";
import { GATE_COLUMNS, gateSql, repairLogSql } from "./gate.js";
import { orderedById, type RowCount, rowCount, rowsSql } from "./input-rows.js";
import { toTimestamp } from "./moments.js";
import { transpose } from "./typed-columns.js";

/** Columns of the answer after admitted and the fence. A row for each increment of an admitted statement. */
export const ADDED = { suspect: 5, place: 6, state: 7 } as const;

export function addToCountersStatement(
  connection: PostgresConnection,
  layout: TableLayout,
  collection: string,
  term: number,
  room: number,
  adds: readonly CounterAdd[],
  { present, sums, rows }: CounterCells,
): Promise<Row[]> {
  const count = rowCount(adds.length);
  const isBounded = room < adds.length;
  const name = `add ${count} ${isBounded} ${present.join()} ${sums.join()}`;
  const text = statement(layout, name, () => addToCountersSql(layout, present, sums, count, isBounded));
  return connection.run(text, [
    term,
    collection,
    textArray(adds.map(({ id }) => id)),
    textArray(adds.map(({ operationId }) => operationId)),
    numberArray(adds.map(({ by }) => by)),
    numberArray(adds.map(({ ttlMs }) => ttlMs)),
    booleanArray(adds.map(({ renew, ttlMs }) => renew && ttlMs !== null)),
    booleanArray(adds.map(({ compared }) => compared === true)),
    ...transpose(present, rows),
    ...(isBounded ? [room] : []),
  ]);
}

/**
 * Promises: nothing unless the fence admits it; nothing of an operation while one of its counters may stand in the other store only
 * (incomplete, not compared, no row); for each other increment nothing if its operation is remembered, else the Postgres part grows by it,
 * with stamp and log entry, all or none. An expired row begins a new generation.
 *
 * Like for records, what a concurrent writer could upset is decided on the newest row, locked, by DO UPDATE. Each of its
 * expressions asks whether the counter is live at the same moment, or a counter that expires meanwhile would be half renewed.
 * The place in the batch travels in the stamp, as in write-records.ts.
 */
function addToCountersSql(
  layout: TableLayout,
  present: readonly number[],
  sums: readonly number[],
  count: RowCount,
  isBounded: boolean,
): string {
  const { table, id, sync } = layout;
  const columns = present.map((index) => ({
    ...(layout.columns[index] as TableLayout["columns"][number]),
    isSum: sums.includes(index),
  }));
  const place = `((excluded.${sync.syncStamp} - (SELECT g.base FROM gate g)) / 2 + 1)`;
  const live = counterLiveSql(layout, "t", "(SELECT g.moment FROM gate g)");
  const stamp = `(greatest(excluded.${sync.syncStamp}, t.${sync.syncStamp} + 1, t.${sync.syncGeneration} + 1) | 1)`;
  const sum = `(CASE WHEN ${live} THEN t.${sync.syncRedisPart} + t.${sync.syncPostgresPart} ELSE 0 END + excluded.${sync.syncPostgresPart})`;
  // What counts nothing, since a bypass writer deleted it, begins its time with the first increment.
  const counts = `t.${sync.syncRedisPart} + t.${sync.syncPostgresPart} > 0`;
  const kept = COUNTER_OPERATIONS - 1;
  const names = [
    ...columns.map(({ name }) => name),
    sync.syncStamp,
    sync.syncExpiresAt,
    sync.syncOperations,
    sync.syncGeneration,
    sync.syncRedisPart,
    sync.syncPostgresPart,
  ];
  const given = ["$3::text[]", "$4::text[]", "$5::bigint[]", "$6::bigint[]", "$8::boolean[]"];
  const rows = rowsSql([...given, ...columns.map((_, n) => `$${9 + n}::text[]`)], count);
  return `WITH ${gateSql("$1::bigint", true, "$2::text")},
  input AS MATERIALIZED (
    SELECT i.* FROM gate g, ${rows} i(id, operation, by, ttl, compared${columns.map((_, n) => `, c${n}`).join("")}, n)
    WHERE g.admitted
  ), doubt AS MATERIALIZED (
    SELECT coalesce(array_agg(i.operation), '{}') AS operations FROM gate g, input i
    WHERE NOT g.whole AND NOT i.compared AND NOT EXISTS (SELECT FROM ${table} t WHERE t.${id.name} = i.id::${id.type})
  ), written AS (
    INSERT INTO ${table} AS t (${[id.name, ...names].join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      g.base + 2 * (i.n - 1), ${toTimestamp("(g.micros / 1000 + i.ttl)")}, ARRAY[i.operation], g.base + 2 * (i.n - 1), 0, i.by
    FROM gate g, doubt d, input i WHERE i.operation <> ALL (d.operations) ${orderedById("i", count)}
    ON CONFLICT (${id.name}) DO UPDATE SET
      ${columns.map(({ name, type, isSum }) => `${name} = ${sumColumn(name, type, isSum, `excluded.${sync.syncPostgresPart}`, sum)},`).join(" ")}
      ${sync.syncStamp} = ${stamp},
      ${sync.syncExpiresAt} = CASE WHEN ${live} AND NOT ($7::boolean[])[${place}] AND (${counts} OR excluded.${sync.syncExpiresAt} IS NULL) THEN t.${sync.syncExpiresAt} ELSE excluded.${sync.syncExpiresAt} END,
      ${sync.syncOperations} = t.${sync.syncOperations}[greatest(1, cardinality(t.${sync.syncOperations}) - ${kept - 1}):] || excluded.${sync.syncOperations},
      ${sync.syncGeneration} = CASE WHEN ${live} THEN t.${sync.syncGeneration} ELSE ${stamp} END,
      ${sync.syncRedisPart} = CASE WHEN ${live} THEN t.${sync.syncRedisPart} ELSE 0 END,
      ${sync.syncPostgresPart} = CASE WHEN ${live} THEN t.${sync.syncPostgresPart} ELSE 0 END + excluded.${sync.syncPostgresPart}
    WHERE excluded.${sync.syncOperations}[1] <> ALL (t.${sync.syncOperations}) AND ${sum} <= ${Number.MAX_SAFE_INTEGER}
    RETURNING t.*
  ), done AS (
    SELECT i.n, i.id, w.${sync.syncStamp} AS stamp FROM input i JOIN written w ON w.${id.name} = i.id::${id.type}
  ), ${repairLogSql("done", "$2::text", isBounded ? `$${9 + columns.length}::int` : null, count)}
  SELECT ${GATE_COLUMNS}, i.operation = ANY (d.operations), i.n, ${counterStateColumns(layout, "w")}
  FROM gate g CROSS JOIN doubt d LEFT JOIN (input i LEFT JOIN written w ON w.${id.name} = i.id::${id.type}) ON true`;
}

/**
 * What becomes of a typed column in a row that stood: `sum`, if the column follows the counter and was projected to the sum that
 * the incoming row alone would have; else what was projected.
 */
export function sumColumn(name: string, type: string, isSum: boolean, incomingSum: string, sum: string): string {
  if (!isSum) return `excluded.${name}`;
  return `CASE WHEN excluded.${name} = (${incomingSum})::${type} THEN ${sum}::${type} ELSE excluded.${name} END`;
}
