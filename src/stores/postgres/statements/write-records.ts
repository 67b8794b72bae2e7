/** The authority's step for records, decided, stamped, written and logged in one statement. */
import { RECORD_OPERATIONS } from "../../state.js";
import type { RecordWrite } from "../../store.js";
import type { Parameter, PostgresConnection, Row } from "../connection.js";
import { booleanArray, hexArray, numberArray, textArray } from "../sql-text.js";
import { type Cell, statement, type TableLayout } from "../table-layout.js";
import { GATE_COLUMNS, gateSql, repairLogSql } from "./gate.js";
import { orderedById, type RowCount, rowCount, rowsSql } from "./input-rows.js";
import { toMilliseconds, toTimestamp } from "./moments.js";
import { liveSql } from "./record-row.js";
import { presentColumns, transpose } from "./typed-columns.js";
import { valueParameters, valueSql } from "./values.js";

export interface PreparedWrite {
  readonly write: RecordWrite;
  readonly cells: readonly Cell[];
}

/** Columns of the answer after admitted and the fence. A row for each write of an admitted statement; ids separated by commas. */
export const WRITTEN = { place: 5, suspect: 6, stamp: 7, expiresAt: 8, operations: 9 } as const;

/** What a statement needs beyond the plain case; each form is prepared by itself. */
interface Form {
  /** Some write expects something, or keeps an expiry: what stands matters. */
  readonly compares: boolean;
  /** The repair log may have no room for all of them. */
  readonly isBounded: boolean;
  /** Several writes belong to one operation, which is done whole or not at all. */
  readonly isShared: boolean;
  readonly count: RowCount;
}

/** The number of the first cells' parameter. */
const FIRST_CELL = 10;

/** All writes leave the same columns to the database. */
export function writeRecordsStatement(
  connection: PostgresConnection,
  layout: TableLayout,
  collection: string,
  term: number,
  room: number,
  writes: readonly PreparedWrite[],
): Promise<Row[]> {
  const present = presentColumns(writes[0]?.cells ?? []);
  const all = writes.map(({ write }) => write);
  const form: Form = {
    compares: all.some(({ expected, bytes, expiresAt }) => expected || (bytes !== null && expiresAt === "keep")),
    isBounded: room < writes.length,
    isShared: new Set(all.map(({ operationId }) => operationId)).size < all.length,
    count: rowCount(writes.length),
  };
  const name = `write ${form.compares} ${form.isBounded} ${form.isShared} ${form.count} ${present.join()}`;
  const text = statement(layout, name, () => writeRecordsSql(layout, present, form));
  const parameters: Parameter[] = [
    term,
    collection,
    textArray(all.map(({ id }) => id)),
    textArray(all.map(({ operationId }) => operationId)),
    ...valueParameters(all.map(({ bytes }) => bytes)),
    numberArray(all.map(({ bytes, expiresAt }) => (bytes === null || expiresAt === "keep" ? null : expiresAt))),
    booleanArray(all.map(({ compared }) => compared === true)),
    ...transpose(
      present,
      writes.map(({ cells }) => cells),
    ),
  ];
  if (form.compares) {
    parameters.push(
      booleanArray(all.map(({ bytes, expiresAt }) => bytes !== null && expiresAt === "keep")),
      numberArray(all.map(({ expected }) => expected?.stamp ?? -1)),
      booleanArray(all.map(({ expected }) => expected !== undefined && expected.bytes !== null)),
      // Where the stamp alone doesn't tell.
      hexArray(all.map(({ expected }) => (expected?.stamp === 0 || expected?.bypass ? expected.bytes : null))),
    );
  }
  if (form.isBounded) parameters.push(room);
  return connection.run(text, parameters);
}

/**
 * Promises, for each write: nothing unless the fence admits it; nothing if the row remembers the operation or isn't what was
 * expected; else a stamp above the row's, the row, and the log entry, all or none.
 *
 * Every decision that a concurrent writer could upset is made in `DO UPDATE … WHERE`: it sees the newest committed row, locked,
 * whatever the statement's snapshot; two writers of an id that has no row meet in the unique index, and the second one updates.
 * What only the snapshot tells is used where being late is harmless:
 * - A write that expects a value must not insert a row, which INSERT can't be told. So it is tried only if the snapshot has
 *   that value with that stamp. Stamps rise, so where the snapshot differs it would conflict anyway; and a row that is live in
 *   the snapshot isn't swept before the statement ends, for it would have to be dead for the whole retention.
 * - In an incomplete authority a missing row makes its whole operation suspect; if a row came since, the caller just looks again.
 *
 * `excluded` has only the table's columns, so the write's place in the batch travels in its stamp: the first gets `base`, the
 * next `base + 2`, … from which DO UPDATE finds the other inputs of the same write in the arrays.
 */
function writeRecordsSql(layout: TableLayout, present: readonly number[], form: Form): string {
  const { table, id, sync } = layout;
  const columns = present.map((index) => layout.columns[index] as TableLayout["columns"][number]);
  const kept = RECORD_OPERATIONS - 1;
  const compare = form.compares ? comparison(layout, FIRST_CELL + columns.length) : null;
  const room = `$${FIRST_CELL + columns.length + (form.compares ? 4 : 0)}::int`;
  const isSuspect = `(NOT g.whole AND NOT i.compared AND NOT EXISTS (SELECT FROM ${table} t WHERE t.${id.name} = i.id::${id.type}))`;
  const types = [3, 4, 5, 6, 8, 9].map(
    (n, at) => `$${n}::${["text[]", "text[]", "int[]", "int[]", "bigint[]", "boolean[]"][at]}`,
  );
  const cells = columns.map((_, n) => `$${FIRST_CELL + n}::text[]`);
  const rows = rowsSql([...types, ...cells, ...(compare?.inputs ?? [])], form.count);
  return `WITH ${gateSql("$1::bigint", true, "$2::text")},
  input AS MATERIALIZED (
    SELECT i.*, ${form.isShared ? `bool_or(${isSuspect}) OVER (PARTITION BY i.operation)` : isSuspect} AS suspect
    FROM gate g, ${rows} i(id, operation, start, length, expires, compared${columns.map((_, n) => `, c${n}`).join("")}${compare?.names ?? ""}, n)
    WHERE g.admitted
  ), written AS (
    INSERT INTO ${table} AS t (${[id.name, ...columns.map(({ name }) => name), sync.syncStamp, sync.syncExpiresAt, sync.syncOperations, sync.syncOriginal].join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      g.base + 2 * (i.n - 1), ${toTimestamp("i.expires")}, ARRAY[i.operation], ${valueSql("$7", "i")}
    FROM gate g, input i
    WHERE NOT i.suspect${compare?.mayInsert ?? ""}
    ${orderedById("i", form.count)}
    ON CONFLICT (${id.name}) DO UPDATE SET
      ${columns.map(({ name }) => `${name} = excluded.${name},`).join(" ")}
      ${sync.syncStamp} = greatest(excluded.${sync.syncStamp}, t.${sync.syncStamp} + 1) | 1,
      ${sync.syncExpiresAt} = ${compare?.expiry ?? `excluded.${sync.syncExpiresAt}`},
      ${sync.syncOperations} = t.${sync.syncOperations}[greatest(1, cardinality(t.${sync.syncOperations}) - ${kept - 1}):] || excluded.${sync.syncOperations},
      ${sync.syncOriginal} = excluded.${sync.syncOriginal}
    WHERE excluded.${sync.syncOperations}[1] <> ALL (t.${sync.syncOperations})${compare?.isExpected ?? ""}
    RETURNING t.${id.name} AS key, t.${sync.syncStamp} AS stamp, t.${sync.syncExpiresAt} AS expires, t.${sync.syncOperations} AS operations
  ), done AS (
    SELECT i.n, i.id, w.* FROM input i JOIN written w ON w.key = i.id::${id.type}
  ), ${repairLogSql("done", "$2::text", form.isBounded ? room : null, form.count)}
  SELECT ${GATE_COLUMNS}, i.n, i.suspect, d.stamp, ${toMilliseconds("d.expires")}, array_to_string(d.operations, ',')
  FROM gate g LEFT JOIN (input i LEFT JOIN done d ON d.n = i.n) ON true`;
}

/** The parts of the statement that look at what stands. Parameters, from `first` on: keeps its expiry, stamp (-1: any), a value, its bytes. */
function comparison(layout: TableLayout, first: number) {
  const { table, id, sync } = layout;
  const place = `((excluded.${sync.syncStamp} - (SELECT g.base FROM gate g)) / 2 + 1)`;
  const live = liveSql(layout, "t", "(SELECT g.moment FROM gate g)");
  const [keeps, stamp, value, bytes] = [0, 1, 2, 3].map((n) => `$${first + n}`) as [string, string, string, string];
  const at = (parameter: string, type: string) => `(${parameter}::${type}[])[${place}]`;
  return {
    inputs: [`${stamp}::bigint[]`, `${value}::boolean[]`],
    names: ", expected, expects_value",
    mayInsert: ` AND (NOT i.expects_value OR EXISTS (
      SELECT FROM ${table} s WHERE s.${id.name} = i.id::${id.type} AND s.${sync.syncStamp} = i.expected AND ${liveSql(layout, "s", "g.moment")}))`,
    expiry: `CASE WHEN NOT ${at(keeps, "boolean")} THEN excluded.${sync.syncExpiresAt} WHEN ${live} THEN t.${sync.syncExpiresAt} END`,
    isExpected: ` AND (${at(stamp, "bigint")} = -1 OR (
        t.${sync.syncStamp} = ${at(stamp, "bigint")} AND ${live} = ${at(value, "boolean")}
        AND (${at(bytes, "text")} IS NULL OR t.${sync.syncOriginal} = decode(${at(bytes, "text")}, 'hex'))))`,
  };
}
