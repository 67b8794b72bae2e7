/** The ladders, and the promises of one write in the order in which they add them. */
import { randomBytes } from "node:crypto";
import type { Way } from "../compare.js";

export const PROMISES = ["stamp", "companion", "fence", "log entry and its clearing", "operation id"] as const;

export type Promised = (typeof PROMISES)[number];

/** What a rung keeps: all promises up to the `count`-th. */
export function kept(count: number): ReadonlySet<Promised> {
  return new Set(PROMISES.slice(0, count));
}

export interface Rung extends Way {
  readonly name: string;
}

export interface Ladder {
  readonly store: "Redis" | "Postgres";
  /** The bare one first. */
  readonly rungs: readonly Rung[];
  /** @throws what is wrong with what stands */
  check(): Promise<void>;
  close(): Promise<void>;
}

const OWN = randomBytes(9).toString("base64url");
let made = 0;

/** Unique, and as short as the library's own. */
export function newOperation(): string {
  return `${OWN}${(made++).toString(36)}`;
}
