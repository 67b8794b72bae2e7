/** What earlier runs of the command left in their log files: one JSON document a line. */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** One run of a command. */
export interface LoggedRun {
  readonly run: string;
  readonly command: string;
  readonly host: string;
  readonly startedAt: Date;
  /** Of its last line. */
  readonly lastAt: Date;
  /** Null: it was killed, or runs still. */
  readonly exitCode: number | null;
  readonly elapsedMs: number | null;
  readonly error: string | null;
}

/** What a `status` saw at some moment. */
export interface Observation {
  readonly at: Date;
  readonly lagMs: number | null;
  readonly redisMs: number | null;
  readonly postgresMs: number | null;
  /** Since the server began to count: commands of Redis, transactions of Postgres. */
  readonly redisOperations: number | null;
  readonly postgresOperations: number | null;
}

export interface RunLogs {
  /** The newest first. */
  readonly runs: readonly LoggedRun[];
  /** The oldest first. */
  readonly observations: readonly Observation[];
  /** Lines that couldn't be read, as of a run that was killed while it wrote. */
  readonly unreadable: number;
}

interface Line {
  readonly at: string;
  readonly run: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** More are no overview; the newest count. */
const MOST_RUNS = 500;
const MOST_OBSERVATIONS = 5000;
/** A line above this isn't one of ours. Characters. */
const LONGEST_LINE = 2_000_000;

/** All files of a folder that end in `.jsonl`; a folder that isn't there has none. */
export async function readRunLogs(folder: string): Promise<RunLogs> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const runs = new Map<string, Mutable<LoggedRun>>();
  let observations: Observation[] = [];
  let unreadable = 0;
  for (const name of names.filter((one) => one.endsWith(".jsonl")).sort()) {
    const lines = createInterface({ input: createReadStream(join(folder, name), "utf8"), crlfDelay: Infinity });
    for await (const text of lines) {
      const line = text === "" ? null : parse(text);
      if (line) {
        take(runs, line);
        const seen = observationOf(line);
        if (seen) observations.push(seen);
      } else if (text !== "") unreadable++;
    }
    // The names begin with the time, so that these are the newest.
    if (observations.length > MOST_OBSERVATIONS) observations = observations.slice(-MOST_OBSERVATIONS);
  }
  return {
    runs: [...runs.values()].sort((a, b) => Number(b.startedAt) - Number(a.startedAt)).slice(0, MOST_RUNS),
    observations: observations.sort((a, b) => Number(a.at) - Number(b.at)),
    unreadable,
  };
}

function parse(text: string): Line | null {
  if (text.length > LONGEST_LINE) return null;
  try {
    const line = JSON.parse(text) as Partial<Line> | null;
    const isOurs = typeof line?.at === "string" && typeof line.run === "string" && typeof line.type === "string";
    return isOurs && !Number.isNaN(Date.parse(line.at as string)) ? (line as Line) : null;
  } catch {
    return null;
  }
}

function take(runs: Map<string, Mutable<LoggedRun>>, line: Line): void {
  const at = new Date(line.at);
  const known = runs.get(line.run);
  if (known) known.lastAt = at;
  if (line.type === "start" && !known) {
    runs.set(line.run, {
      run: line.run,
      command: String(line.command),
      host: String(line.host),
      startedAt: at,
      lastAt: at,
      exitCode: null,
      elapsedMs: null,
      error: null,
    });
  } else if (known && line.type === "end") {
    known.exitCode = numberOr(line.exitCode);
    known.elapsedMs = numberOr(line.elapsedMs);
  } else if (known && line.type === "error") known.error = String(line.message);
}

interface Seen {
  readonly latencyMs?: unknown;
  readonly operations?: unknown;
}

/** A status is known by what it tells. */
function observationOf({ at, type, result }: Line): Observation | null {
  if (type !== "result" || typeof result !== "object" || result === null || !("lagMs" in result)) return null;
  const { lagMs, stores } = result as { lagMs: unknown; stores?: Record<string, Seen | null> };
  return {
    at: new Date(at),
    lagMs: numberOr(lagMs),
    redisMs: numberOr(stores?.redis?.latencyMs),
    postgresMs: numberOr(stores?.postgres?.latencyMs),
    redisOperations: numberOr(stores?.redis?.operations),
    postgresOperations: numberOr(stores?.postgres?.operations),
  };
}

function numberOr(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
