/** A counter's row as the statements select it, and as the port gives it. */
import type { CounterState } from "../../state.js";
import type { HeldCounter } from "../../store.js";
import type { Row } from "../connection.js";
import type { TableLayout } from "../table-layout.js";
import { numberOrNull, toMilliseconds } from "./moments.js";

export function counterLiveSql({ sync }: TableLayout, t: string, moment: string): string {
  return `(${t}.${sync.syncExpiresAt} IS NULL OR ${t}.${sync.syncExpiresAt} > ${moment})`;
}

/** The state's columns, {@link counterState} reads them. */
export function counterStateColumns({ sync }: TableLayout, t: string): string {
  return `${t}.${sync.syncGeneration}, ${t}.${sync.syncRedisPart}, ${t}.${sync.syncPostgresPart}, ${t}.${sync.syncStamp},
    ${toMilliseconds(`${t}.${sync.syncExpiresAt}`)}, array_to_json(${t}.${sync.syncOperations})`;
}

const STATE_COLUMNS = 6;

export function counterColumns(layout: TableLayout, t: string): string {
  return `${counterStateColumns(layout, t)}, ${counterLiveSql(layout, t, "clock_timestamp()")}`;
}

/** From column `at` on; a row that isn't there has no generation. */
export function counterState(row: Row | null, at: number): CounterState | null {
  if (!row || row[at] === null) return null;
  return {
    generation: Number(row[at]),
    redisPart: Number(row[at + 1]),
    postgresPart: Number(row[at + 2]),
    stamp: Number(row[at + 3]),
    expiresAt: numberOrNull(row[at + 4]),
    operations: row[at + 5] as string[],
  };
}

/** `whole`: nothing is known to be missing, so that an absence is certain. */
export function heldCounter(row: Row | null, at: number, whole: boolean): HeldCounter {
  const state = counterState(row, at);
  if (!state) return { kind: "absent", compared: whole };
  if (row?.[at + STATE_COLUMNS] !== true) return { kind: "absent", last: state, compared: true };
  return { kind: "value", ...state, bypass: false, compared: true };
}
