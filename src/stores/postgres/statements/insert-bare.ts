/** Inserts rows of what was never stamped, many at once: such a state stands only where no row was. */
import type { PostgresConnection, Row } from "../connection.js";
import { numberArray, textArray } from "../sql-text.js";
import { type Cell, statement, type TableLayout } from "../table-layout.js";
import { gateSql, mirrorAnswerSql } from "./gate.js";
import { orderedById, rowsSql } from "./input-rows.js";
import { toTimestamp } from "./moments.js";
import { presentColumns, transpose } from "./typed-columns.js";
import { valueParameters, valueSql } from "./values.js";

export interface BareRow {
  readonly id: string;
  readonly cells: readonly Cell[];
  readonly expiresAt: number | null;
  /** A record's value; null for a counter. */
  readonly bytes: Buffer | null;
  /** A counter's sum; null for a record. */
  readonly sum: number | null;
}

/** All rows leave the same columns to the database, and are of one collection. `operations`: those of each row. */
export function insertBareStatement(
  connection: PostgresConnection,
  layout: TableLayout,
  kind: "records" | "counters",
  collection: string,
  term: number,
  operations: readonly string[],
  rows: readonly BareRow[],
): Promise<Row[]> {
  const present = presentColumns(rows[0]?.cells ?? []);
  const text = statement(layout, `insert bare ${present.join()}`, () => insertBareSql(layout, kind, present));
  return connection.run(text, [
    term,
    collection,
    textArray(operations),
    textArray(rows.map(({ id }) => id)),
    numberArray(rows.map(({ expiresAt }) => expiresAt)),
    ...(kind === "records"
      ? valueParameters(rows.map(({ bytes }) => bytes))
      : [numberArray(rows.map(({ sum }) => sum))]),
    ...transpose(
      present,
      rows.map(({ cells }) => cells),
    ),
  ]);
}

/**
 * Promises, for each row: nothing unless the fence admits it, nothing over a row that is there, else the row whole. Inserted in the
 * order of the ids, as all statements lock them.
 */
function insertBareSql(layout: TableLayout, kind: "records" | "counters", present: readonly number[]): string {
  const { table, id, sync } = layout;
  const columns = present.map((index) => layout.columns[index] as TableLayout["columns"][number]);
  const isRecord = kind === "records";
  const own = isRecord
    ? { names: ["start", "length"], types: ["int[]", "int[]"], after: 9 }
    : { names: ["sum"], types: ["bigint[]"], after: 7 };
  const types = ["text[]", "bigint[]", ...own.types].map((type, n) => `$${4 + n}::${type}`);
  const cells = columns.map((_, n) => `$${own.after + n}::text[]`);
  const names = ["id", "expires", ...own.names, ...columns.map((_, n) => `c${n}`), "n"];
  const content = isRecord
    ? { name: sync.syncOriginal, value: valueSql("$8", "i") }
    : { name: sync.syncRedisPart, value: "i.sum" };
  const target = [
    id.name,
    ...columns.map(({ name }) => name),
    sync.syncStamp,
    sync.syncExpiresAt,
    sync.syncOperations,
    content.name,
  ];
  return `WITH ${gateSql("$1::bigint", false, "$2::text")},
  input AS (
    SELECT i.* FROM gate g, ${rowsSql([...types, ...cells], "many")} i(${names.join(", ")}) WHERE g.admitted
  ), written AS (
    INSERT INTO ${table} (${target.join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      0, ${toTimestamp("i.expires")}, $3::text::text[], ${content.value}
    FROM input i ${orderedById("i", "many")}
    ON CONFLICT (${id.name}) DO NOTHING
    RETURNING ${id.name} AS key
  )
  ${mirrorAnswerSql(id.type, "many")}`;
}
