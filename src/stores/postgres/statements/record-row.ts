/** A record's row as the statements select it, and as the port gives it. */
import type { RecordState } from "../../state.js";
import type { HeldRecord } from "../../store.js";
import type { Row } from "../connection.js";
import type { TableLayout } from "../table-layout.js";
import { numberOrNull, toMilliseconds } from "./moments.js";

/** Whether the row `t` is a value at `moment`: no tombstone and not expired. */
export function liveSql({ sync }: TableLayout, t: string, moment: string): string {
  return `(${t}.${sync.syncOriginal} IS NOT NULL AND (${t}.${sync.syncExpiresAt} IS NULL OR ${t}.${sync.syncExpiresAt} > ${moment}))`;
}

/** The state's columns; a tombstone's expiry says when it may be swept and isn't part of its state. */
export function recordColumns(layout: TableLayout, t: string): string {
  const { sync } = layout;
  return `${t}.${sync.syncStamp}, ${t}.${sync.syncOriginal},
    CASE WHEN ${t}.${sync.syncOriginal} IS NOT NULL THEN ${toMilliseconds(`${t}.${sync.syncExpiresAt}`)} END,
    array_to_json(${t}.${sync.syncOperations}), ${liveSql(layout, t, "clock_timestamp()")}`;
}

/** From column `at` on; a row that isn't there has no stamp. */
export function heldRecord(row: Row | null, at: number): HeldRecord {
  const state = recordState(row, at);
  if (!state) return { kind: "absent" };
  if (state.bytes === null) return { kind: "tombstone", ...state, compared: true };
  if (row?.[at + 4] !== true) return { kind: "expired", ...state, compared: true };
  return { kind: "value", ...state, bytes: state.bytes, bypass: false, compared: true };
}

export function recordState(row: Row | null, at: number): RecordState | null {
  if (!row || row[at] === null) return null;
  return {
    stamp: Number(row[at]),
    bytes: row[at + 1] as Buffer | null,
    expiresAt: numberOrNull(row[at + 2]),
    operations: row[at + 3] as string[],
  };
}
