/** The mirror's step for counters: `mergeCounters` of state.ts in SQL. */
import { COUNTER_OPERATIONS, type CounterState } from "../../state.js";
import type { PostgresConnection, Row } from "../connection.js";
import { numberArray, textArray } from "../sql-text.js";
import { statement, type TableLayout } from "../table-layout.js";
import { sumColumn } from "./add-to-counters.js";
import type { CounterCells } from "./counter-cells.js";
import { gateSql, mirrorAnswerSql } from "./gate.js";
import { orderedById, type RowCount, rowCount, rowsSql } from "./input-rows.js";
import { toTimestamp } from "./moments.js";
import { transpose } from "./typed-columns.js";

export function applyCountersStatement(
  connection: PostgresConnection,
  layout: TableLayout,
  collection: string,
  term: number,
  states: readonly { readonly id: string; readonly state: CounterState }[],
  { present, sums, rows }: CounterCells,
): Promise<Row[]> {
  const count = rowCount(states.length);
  const text = statement(layout, `merge ${count} ${present.join()} ${sums.join()}`, () =>
    applyCountersSql(layout, present, sums, count),
  );
  return connection.run(text, [
    term,
    collection,
    textArray(states.map(({ id }) => id)),
    numberArray(states.map(({ state }) => state.generation)),
    numberArray(states.map(({ state }) => state.redisPart)),
    numberArray(states.map(({ state }) => state.postgresPart)),
    numberArray(states.map(({ state }) => state.stamp)),
    numberArray(states.map(({ state }) => state.expiresAt)),
    textArray(states.map(({ state }) => state.operations.join())),
    ...transpose(present, rows),
  ]);
}

/**
 * Promises, for each state: nothing unless the fence admits it; the greater generation whole, else the greater of each part, the
 * later state's expiry and both states' operations; no write where that changes nothing. It merges with the newest row, locked,
 * so no part of concurrent states is lost.
 */
function applyCountersSql(
  layout: TableLayout,
  present: readonly number[],
  sums: readonly number[],
  count: RowCount,
): string {
  const { table, id, sync } = layout;
  const columns = present.map((index) => ({
    ...(layout.columns[index] as TableLayout["columns"][number]),
    isSum: sums.includes(index),
  }));
  const isGreater = `excluded.${sync.syncGeneration} > t.${sync.syncGeneration}`;
  const isLater = `excluded.${sync.syncStamp} > t.${sync.syncStamp}`;
  const greatest = (column: string) =>
    `CASE WHEN ${isGreater} THEN excluded.${column} ELSE greatest(t.${column}, excluded.${column}) END`;
  const operations = (older: string, newer: string) =>
    mergedOperations(`${older}.${sync.syncOperations}`, `${newer}.${sync.syncOperations}`);
  const sum = `(${greatest(sync.syncRedisPart)} + ${greatest(sync.syncPostgresPart)})`;
  const incomingSum = `excluded.${sync.syncRedisPart} + excluded.${sync.syncPostgresPart}`;
  const names = [
    ...columns.map(({ name }) => name),
    sync.syncGeneration,
    sync.syncRedisPart,
    sync.syncPostgresPart,
    sync.syncStamp,
    sync.syncExpiresAt,
    sync.syncOperations,
  ];
  const parts = [4, 5, 6, 7, 8].map((n) => `$${n}::bigint[]`);
  const rows = rowsSql(["$3::text[]", ...parts, "$9::text[]", ...columns.map((_, n) => `$${10 + n}::text[]`)], count);
  return `WITH ${gateSql("$1::bigint", false, "$2::text")},
  input AS (
    SELECT i.* FROM gate g, ${rows} i(id, generation, redis_part, postgres_part, stamp, expires, operations${columns.map((_, n) => `, c${n}`).join("")}, n)
    WHERE g.admitted
  ), written AS (
    INSERT INTO ${table} AS t (${[id.name, ...names].join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      i.generation, i.redis_part, i.postgres_part, i.stamp, ${toTimestamp("i.expires")}, string_to_array(i.operations, ',')
    FROM input i ${orderedById("i", count)}
    ON CONFLICT (${id.name}) DO UPDATE SET
      ${columns.map(({ name, type, isSum }) => `${name} = ${sumColumn(name, type, isSum, incomingSum, sum)},`).join(" ")}
      ${sync.syncGeneration} = excluded.${sync.syncGeneration},
      ${sync.syncRedisPart} = ${greatest(sync.syncRedisPart)},
      ${sync.syncPostgresPart} = ${greatest(sync.syncPostgresPart)},
      ${sync.syncStamp} = ${greatest(sync.syncStamp)},
      ${sync.syncExpiresAt} = CASE WHEN ${isGreater} OR ${isLater} THEN excluded.${sync.syncExpiresAt} ELSE t.${sync.syncExpiresAt} END,
      ${sync.syncOperations} = CASE WHEN ${isGreater} THEN excluded.${sync.syncOperations}
        WHEN ${isLater} THEN ${operations("t", "excluded")} ELSE ${operations("excluded", "t")} END
    WHERE ${isGreater} OR excluded.${sync.syncGeneration} = t.${sync.syncGeneration} AND (${isLater}
      OR excluded.${sync.syncRedisPart} > t.${sync.syncRedisPart} OR excluded.${sync.syncPostgresPart} > t.${sync.syncPostgresPart}
      OR NOT excluded.${sync.syncOperations} <@ t.${sync.syncOperations} AND ${operations("excluded", "t")} <> t.${sync.syncOperations})
    RETURNING t.${id.name} AS key
  )
  ${mirrorAnswerSql(id.type, count)}`;
}

/**
 * Both states' ids, the newer's last. A newer state that knows the older's ids, or as many as are kept, has all of them, as it nearly
 * always does: calling a function written in SQL has it planned anew in each statement, which costs more than all the rest.
 */
function mergedOperations(older: string, newer: string): string {
  return `CASE WHEN cardinality(${newer}) = ${COUNTER_OPERATIONS} OR ${older} <@ ${newer} THEN ${newer}
    ELSE dual_write_merge_operations(${older}, ${newer}, ${COUNTER_OPERATIONS}) END`;
}
