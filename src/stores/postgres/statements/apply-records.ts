/** The mirror's step for records: what is newer is taken, in one statement. */
import type { RecordState } from "../../state.js";
import type { PostgresConnection, Row } from "../connection.js";
import { numberArray, textArray } from "../sql-text.js";
import { type Cell, statement, type TableLayout } from "../table-layout.js";
import { gateSql, mirrorAnswerSql } from "./gate.js";
import { orderedById, type RowCount, rowCount, rowsSql } from "./input-rows.js";
import { toTimestamp } from "./moments.js";
import { presentColumns, transpose } from "./typed-columns.js";
import { valueParameters, valueSql } from "./values.js";

export interface PreparedState {
  readonly id: string;
  readonly state: RecordState;
  readonly cells: readonly Cell[];
}

/** All states leave the same columns to the database. */
export function applyRecordsStatement(
  connection: PostgresConnection,
  layout: TableLayout,
  collection: string,
  term: number,
  states: readonly PreparedState[],
): Promise<Row[]> {
  const present = presentColumns(states[0]?.cells ?? []);
  const count = rowCount(states.length);
  const text = statement(layout, `apply ${count} ${present.join()}`, () => applyRecordsSql(layout, present, count));
  return connection.run(text, [
    term,
    collection,
    textArray(states.map(({ id }) => id)),
    numberArray(states.map(({ state }) => state.stamp)),
    numberArray(states.map(({ state }) => (state.bytes === null ? null : state.expiresAt))),
    // Ids have no commas, as the companions' form needs it.
    textArray(states.map(({ state }) => state.operations.join())),
    ...valueParameters(states.map(({ state }) => state.bytes)),
    ...transpose(
      present,
      states.map(({ cells }) => cells),
    ),
  ]);
}

/**
 * Promises, for each state: nothing unless the fence admits it; nothing over a row whose stamp isn't lower; else the state whole.
 * `DO UPDATE … WHERE` compares with the newest committed row, locked, so of concurrent states the newest stays. Stamp 0 is never
 * greater, so it stands only where no row was.
 */
function applyRecordsSql(layout: TableLayout, present: readonly number[], count: RowCount): string {
  const { table, id, sync } = layout;
  const columns = present.map((index) => layout.columns[index] as TableLayout["columns"][number]);
  const names = [
    ...columns.map(({ name }) => name),
    sync.syncStamp,
    sync.syncExpiresAt,
    sync.syncOperations,
    sync.syncOriginal,
  ];
  const types = ["text[]", "bigint[]", "bigint[]", "text[]", "int[]", "int[]"].map((type, n) => `$${3 + n}::${type}`);
  const rows = rowsSql([...types, ...columns.map((_, n) => `$${10 + n}::text[]`)], count);
  return `WITH ${gateSql("$1::bigint", false, "$2::text")},
  input AS (
    SELECT i.* FROM gate g, ${rows} i(id, stamp, expires, operations, start, length${columns.map((_, n) => `, c${n}`).join("")}, n)
    WHERE g.admitted
  ), written AS (
    INSERT INTO ${table} AS t (${[id.name, ...names].join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      i.stamp, ${toTimestamp("i.expires")}, string_to_array(i.operations, ','), ${valueSql("$9", "i")}
    FROM input i ${orderedById("i", count)}
    ON CONFLICT (${id.name}) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(", ")}
    WHERE excluded.${sync.syncStamp} > t.${sync.syncStamp}
    RETURNING t.${id.name} AS key
  )
  ${mirrorAnswerSql(id.type, count)}`;
}
