/** Repair-log entries, leases and pages, as both stores give them. */
import type { Stamp } from "./state.js";

export interface LogEntry {
  readonly id: string;
  readonly stamp: Stamp;
  /** What is known to stand under this stamp is no tombstone, so that no retention begins. @default not known */
  readonly live?: boolean;
}

export interface LogStatus {
  readonly entries: number;
  /** Age of the oldest entry in milliseconds by the store's clock; 0 when empty. */
  readonly lagMs: number;
  /** Entries were left out since the log was full: the other store needs a backfill of this collection. */
  readonly overflowed: boolean;
}

/** A live process of the fleet. */
export interface Lease {
  readonly processId: string;
  readonly strategy: string;
  readonly stage: number;
  readonly host: string;
  readonly pid: number;
  /** The collections that it knows. Told by Redis only. */
  readonly collections?: readonly string[];
  /** Reads that it compared with the mirror, and how many of them differed. Told by Redis only: without it nothing is compared. */
  readonly samples?: { readonly compared: number; readonly differed: number };
}

export interface Page<T> {
  readonly items: T[];
  /** Where to go on; null at the end. */
  readonly next: string | null;
}
