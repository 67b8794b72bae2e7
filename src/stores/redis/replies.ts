/** Turns the scripts' replies into the port's results. */

import type { CounterState } from "../state.js";
import type { ApplyResult, CounterAddResult, Fenced, HeldCounter, HeldRecord, RecordWriteResult } from "../store.js";
import { parseRecordCompanion } from "./companion.js";
import { parseFence, toPortFence } from "./fence.js";

type Row = Buffer[];

/** A written record answers with its companion's text. */
type WriteRow = Row | Buffer;

const str = (row: Row, at: number) => (row[at] as Buffer).toString("latin1");
const num = (row: Row, at: number) => Number(str(row, at));
const flag = (row: Row, at: number) => str(row, at) === "1";
const moment = (row: Row, at: number) => (str(row, at) === "-" ? null : num(row, at));
const ids = (row: Row, at: number) => (str(row, at) === "-" ? [] : str(row, at).split(","));
const reason = (row: Row) => (row[1] as Buffer).toString();

/** `[ok, fence, rows]` or `[fenced, fence]`. */
export function fenced<T, R = Row>(reply: unknown, collection: string, parse: (row: R, index: number) => T): Fenced<T> {
  const [kind, fence, rows] = reply as [Buffer, Buffer, R[]];
  if (kind.toString() === "fenced") {
    const text = fence.toString();
    const parsed = text === "" ? null : parseFence(text);
    return { fenced: true, fence: parsed && toPortFence(parsed, collection) };
  }
  return { fenced: false, results: rows.map(parse) };
}

export function writeResult(row: WriteRow, bytes: Buffer | null): RecordWriteResult {
  if (Buffer.isBuffer(row)) {
    const { stamp, expiresAt, operations } = parseRecordCompanion(row.toString("latin1"));
    return { kind: "written", state: { stamp, bytes, expiresAt, operations } };
  }
  const kind = str(row, 0);
  if (kind === "rejected") return { kind, reason: reason(row) };
  if (kind === "conflict" || kind === "suspect") return { kind };
  const value = flag(row, 5) ? (row[2] as Buffer) : null;
  return {
    kind: "repeated",
    state: { stamp: num(row, 1), bytes: value, expiresAt: moment(row, 3), operations: ids(row, 4) },
  };
}

export function applyResult(row: Row): ApplyResult {
  const kind = str(row, 0);
  if (kind === "rejected") return { kind, reason: reason(row) };
  if (kind === "applied") return { kind, overwrote: flag(row, 1) };
  return { kind: "kept", stamp: num(row, 1), same: flag(row, 2) };
}

export function heldRecord(row: Row): HeldRecord {
  const kind = str(row, 0);
  if (kind === "absent") return { kind };
  if (kind === "unreadable") return { kind, reason: "the key holds another Redis type" };
  const common = { stamp: num(row, 1), operations: ids(row, 4), compared: flag(row, 6) };
  if (kind === "value")
    return { kind, ...common, bytes: row[2] as Buffer, expiresAt: moment(row, 3), bypass: flag(row, 5) };
  return { kind: kind as "tombstone" | "expired" | "vanished", ...common, bytes: null, expiresAt: moment(row, 3) };
}

function counterState(row: Row): CounterState {
  return {
    generation: num(row, 1),
    redisPart: num(row, 2),
    postgresPart: num(row, 3),
    stamp: num(row, 4),
    expiresAt: moment(row, 5),
    operations: ids(row, 6),
  };
}

export function addResult(row: Row): CounterAddResult {
  const kind = str(row, 0);
  if (kind === "rejected") return { kind, reason: reason(row) };
  if (kind === "suspect") return { kind };
  const counted = { kind: kind as "added" | "repeated", state: counterState(row) };
  return flag(row, 7) ? { ...counted, alone: true } : counted;
}

export function heldCounter(row: Row): HeldCounter {
  const kind = str(row, 0);
  if (kind === "unreadable") return { kind, reason: reason(row) };
  if (kind === "value") return { kind, ...counterState(row), bypass: flag(row, 7), compared: flag(row, 8) };
  if (row.length === 2) return { kind: "absent", compared: flag(row, 1) };
  return { kind: "absent", last: counterState(row), compared: flag(row, 8) };
}
