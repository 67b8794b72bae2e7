/** Verifies again and again, and tells how long each difference has been open. */
import { ConfigurationError } from "../../errors.js";
import type { MigrationContext } from "../migration-context.js";
import { rest } from "../run/pace.js";
import type { Example } from "./findings.js";
import { type VerifyOptions, type VerifyReport, verify } from "./verify.js";

export interface OpenDifference extends Example {
  /** Since the round that found it first. Milliseconds. */
  readonly ageMs: number;
}

export interface VerifyRound extends VerifyReport {
  readonly at: Date;
  /** Of the differences the first thousand that this round met, the oldest first. */
  readonly open: readonly OpenDifference[];
}

export interface WatchOptions extends Omit<VerifyOptions, "sample"> {
  /** Between the end of a round and the next. Milliseconds. @default 60_000 */
  readonly intervalMs?: number | undefined;
}

const INTERVAL_MS = 60_000;
const EXAMPLES = 20;
const OPEN = 1000;

/**
 * Each round is a whole verify and is recorded as one.
 * @throws what a verify throws; the signal's reason
 */
export async function* watchVerify(
  context: MigrationContext,
  { intervalMs = INTERVAL_MS, ...options }: WatchOptions = {},
): AsyncGenerator<VerifyRound, void, undefined> {
  check(intervalMs, options);
  let since: ReadonlyMap<string, Date> = new Map();
  for (;;) {
    const report = await verify(context, { ...options, examples: OPEN });
    const at = new Date();
    const found = report.examples.map((one) => [nameOf(one), one] as const);
    since = new Map(found.map(([name]) => [name, since.get(name) ?? at]));
    const open = found.map(([name, one]) => ({ ...one, ageMs: at.getTime() - (since.get(name) ?? at).getTime() }));
    open.sort((a, b) => b.ageMs - a.ageMs);
    yield { ...report, examples: report.examples.slice(0, options.examples ?? EXAMPLES), at, open };
    await rest(intervalMs, options.signal);
  }
}

function check(intervalMs: number, options: VerifyOptions): void {
  if (options.sample !== undefined)
    throw new ConfigurationError([
      {
        path: "sample",
        message: "can't be watched: what a sample doesn't meet may be open still; watch all, or verify",
      },
    ]);
  if (!(intervalMs >= 1)) throw new ConfigurationError([{ path: "intervalMs", message: "a number from 1" }]);
}

function nameOf({ collection, kind, key }: Example): string {
  return JSON.stringify([collection, kind, key]);
}
