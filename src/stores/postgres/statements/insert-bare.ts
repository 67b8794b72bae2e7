/** Inserts rows of what was never stamped, many at once: such a state stands only where no row was. */
import type { PostgresConnection, Row } from "../connection.js";
import { numberArray, textArray } from "../sql-text.js";
import { type Cell, statement, type TableLayout } from "../table-layout.js";
import { GATE_COLUMNS, gateSql } from "./gate.js";
import { toTimestamp } from "./moments.js";
import { presentColumns, transpose } from "./typed-columns.js";

export interface BareRow {
  readonly id: string;
  readonly cells: readonly Cell[];
  readonly expiresAt: number | null;
  /** A record's value; null for a counter. */
  readonly bytes: Buffer | null;
  /** A counter's sum; null for a record. */
  readonly sum: number | null;
}

/** The answer's one column after admitted and the fence: the places of the rows that found one there, null for none. */
export const FOUND = 5;

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
    ...(kind === "records" ? valuesOf(rows) : [numberArray(rows.map(({ sum }) => sum))]),
    ...transpose(
      present,
      rows.map(({ cells }) => cells),
    ),
  ]);
}

/** One long value and where each begins and how long it is: read once, not as an element of an array each. */
function valuesOf(rows: readonly BareRow[]): string[] {
  const values = rows.map(({ bytes }) => bytes ?? Buffer.alloc(0));
  let from = 1;
  const starts = values.map(({ length }) => {
    const start = from;
    from += length;
    return start;
  });
  return [
    numberArray(starts),
    numberArray(values.map(({ length }) => length)),
    Buffer.concat(values).toString("base64"),
  ];
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
    ? { name: sync.syncOriginal, value: "substring((SELECT decode($8::text, 'base64')) FROM i.start FOR i.length)" }
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
  input AS MATERIALIZED (
    SELECT i.* FROM gate g, unnest(${[...types, ...cells].join(", ")}) WITH ORDINALITY i(${names.join(", ")}) WHERE g.admitted
  ), written AS (
    INSERT INTO ${table} (${target.join(", ")})
    SELECT i.id::${id.type}${columns.map(({ type }, n) => `, i.c${n}::${type}`).join("")},
      0, ${toTimestamp("i.expires")}, $3::text::text[], ${content.value}
    FROM input i ORDER BY i.id COLLATE "C"
    ON CONFLICT (${id.name}) DO NOTHING
    RETURNING ${id.name} AS key
  )
  SELECT ${GATE_COLUMNS}, CASE WHEN (SELECT count(*) FROM written) < (SELECT count(*) FROM input) THEN
    (SELECT json_agg(i.n) FROM input i WHERE NOT EXISTS (SELECT FROM written w WHERE w.key = i.id::${id.type})) END
  FROM gate g`;
}
