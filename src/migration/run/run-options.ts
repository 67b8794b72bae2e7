/** What every long run over the keyspace can be told. */
import type { Issue } from "../../errors.js";
import { PATIENCE_MS, type Patience } from "./persist.js";

export interface RunOptions {
  /** Keys that one page asks for, 1 to 5000; fewer where values are large. @default 2000 */
  readonly pageSize?: number | undefined;
  /** Keys, and rows, a second at most. @default as fast as the stores can without suffering */
  readonly rate?: number | undefined;
  /**
   * Gives way to everybody else: asks the stores all the while on connections of its own, and takes smaller pages and longer rests
   * while a small call takes more than 5 ms and more than thrice its time at rest. @default false
   */
  readonly polite?: boolean | undefined;
  /** How long to wait for a store that is away. Milliseconds. @default 300_000 */
  readonly patienceMs?: number | undefined;
  /** Ends the run after the page under way. */
  readonly signal?: AbortSignal | undefined;
}

const PAGE_SIZE = 2000;
/** A script that reads more keys at once would hold up everybody else. */
const LARGEST_PAGE = 5000;

export interface ResolvedRun extends Patience {
  readonly pageSize: number;
  readonly rate: number | undefined;
  readonly polite: boolean;
}

/** With the defaults. */
export function resolveRun({ pageSize, rate, polite, patienceMs, signal }: RunOptions): ResolvedRun {
  return {
    pageSize: pageSize ?? PAGE_SIZE,
    rate,
    polite: polite ?? false,
    patienceMs: patienceMs ?? PATIENCE_MS,
    signal,
  };
}

/** What is wrong with a run's options. */
export function runIssues({ pageSize, rate, patienceMs }: RunOptions): Issue[] {
  const issues: Issue[] = [];
  if (pageSize !== undefined && !(Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= LARGEST_PAGE))
    issues.push({ path: "pageSize", message: `a whole number from 1 to ${LARGEST_PAGE}` });
  if (rate !== undefined && !(rate >= 1 && Number.isFinite(rate)))
    issues.push({ path: "rate", message: "a number from 1" });
  if (patienceMs !== undefined && !(patienceMs >= 0)) issues.push({ path: "patienceMs", message: "a number from 0" });
  return issues;
}
