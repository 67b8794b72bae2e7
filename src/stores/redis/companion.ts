/** The text forms of companions. The scripts parse and write the same forms. */
import { hash } from "node:crypto";
import type { Stamp } from "../state.js";

/** What the library knows of a record: `stamp term expiresAt digest operations`. */
export interface RecordCompanion {
  readonly stamp: Stamp;
  /** The term in which the record was last written here or compared with the other store. */
  readonly term: number;
  readonly expiresAt: number | null;
  /** SHA-1 of the value, in hex; null for a tombstone. */
  readonly digest: string | null;
  readonly operations: readonly string[];
}

/** What the library knows of a counter: `generation postgresPart lastSum term stamp expiresAt operations`. */
export interface CounterCompanion {
  readonly generation: number;
  readonly postgresPart: number;
  /** The sum the library last saw; a smaller one means a bypass writer or an expiry began anew. */
  readonly lastSum: number;
  readonly term: number;
  readonly stamp: Stamp;
  readonly expiresAt: number | null;
  readonly operations: readonly string[];
}

/** As Redis's `redis.sha1hex`. */
export function digestOf(bytes: Buffer): string {
  return hash("sha1", bytes);
}

const optionalNumber = (text: string) => (text === "-" ? null : Number(text));
const operationList = (text: string) => (text === "-" ? [] : text.split(","));

export function parseRecordCompanion(text: string): RecordCompanion {
  const [stamp, term, expiresAt, digest, operations] = text.split(" ") as [string, string, string, string, string];
  return {
    stamp: Number(stamp),
    term: Number(term),
    expiresAt: optionalNumber(expiresAt),
    digest: digest === "-" ? null : digest,
    operations: operationList(operations),
  };
}

export function parseCounterCompanion(text: string): CounterCompanion {
  const [generation, postgresPart, lastSum, term, stamp, expiresAt, operations] = text.split(" ") as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    generation: Number(generation),
    postgresPart: Number(postgresPart),
    lastSum: Number(lastSum),
    term: Number(term),
    stamp: Number(stamp),
    expiresAt: optionalNumber(expiresAt),
    operations: operationList(operations),
  };
}
