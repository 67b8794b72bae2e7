/** Reads back every key of the journal, through the backend and from each store itself, and compares. */
import type { Findings } from "./findings.js";
import { type CounterEntry, type Journal, nameOf, type RecordEntry } from "./journal.js";
import { DEFAULT_CLOCK_MARGIN_MS, type Finding, judgeCounter, judgeRecord, type Look, type Observed } from "./judge.js";

/** A place from which keys are read back. */
export interface Source {
  /** For the report: "the backend", "Redis itself". */
  readonly name: string;
  /** One answer for each id, in order. */
  records(collection: string, ids: readonly string[]): Promise<Observed[]>;
  /** What each counter stands at, in order; 0 where there is none. */
  counters(ids: readonly string[]): Promise<number[]>;
}

export interface ProofOptions {
  /** Leaves out keys that this source isn't supposed to hold. @default none are left out */
  readonly holds?: (entry: RecordEntry | CounterEntry) => boolean;
  /** How long a key may be in motion towards this source before it counts as lost. Milliseconds. @default 0 */
  readonly patienceMs?: number;
  readonly clockMarginMs?: number;
}

export interface Proof {
  readonly source: string;
  readonly records: number;
  readonly counters: number;
  /** Keys that broke a promise here. */
  readonly broken: number;
}

const CHUNK = 500;
const NEXT_LOOK_MS = 200;

/**
 * A key is asked for again while it isn't right and the source is given time: a mirror may lag. What it has to show is what had
 * been acknowledged before the first look, so that steady traffic doesn't move the goal.
 */
export async function prove(
  journal: Journal,
  source: Source,
  findings: Findings,
  options: ProofOptions = {},
): Promise<Proof> {
  const { patienceMs = 0, clockMarginMs = DEFAULT_CLOCK_MARGIN_MS, holds = () => true } = options;
  const until = performance.now() + patienceMs;
  const records = [...journal.records()].filter(holds);
  const counters = [...journal.counters()].filter(holds);
  let broken = 0;

  const report = (found: readonly Suspect<unknown>[]) => {
    broken += found.length;
    for (const { finding, name } of found) findings.add(finding, name, source.name);
  };
  for (const [collection, entries] of byCollection(records)) {
    for (const part of chunks(entries)) {
      const goals = part.map((entry) => ({ entry, tick: journal.tick }));
      report(await untilRight(goals, until, (asked) => lookAtRecords(source, collection, asked, clockMarginMs)));
    }
  }
  for (const part of chunks(counters)) {
    const goals = part.map((entry) => ({ entry, atLeast: entry.acknowledged }));
    report(await untilRight(goals, until, (asked) => lookAtCounters(source, asked)));
  }
  return { source: source.name, records: records.length, counters: counters.length, broken };
}

interface Suspect<G> {
  readonly goal: G;
  readonly name: string;
  readonly finding: Finding;
}

async function untilRight<G>(
  goals: readonly G[],
  until: number,
  look: (goals: readonly G[]) => Promise<Suspect<G>[]>,
): Promise<Suspect<G>[]> {
  let suspects = await look(goals);
  while (suspects.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, NEXT_LOOK_MS));
    suspects = await look(suspects.map(({ goal }) => goal));
  }
  return suspects;
}

interface RecordGoal {
  readonly entry: RecordEntry;
  readonly tick: number;
}

async function lookAtRecords(
  source: Source,
  collection: string,
  goals: readonly RecordGoal[],
  clockMarginMs: number,
): Promise<Suspect<RecordGoal>[]> {
  const beganAt = Date.now();
  const observed = await source.records(
    collection,
    goals.map(({ entry }) => entry.key.id),
  );
  const endedAt = Date.now();
  return goals.flatMap((goal, i) => {
    const look: Look = { tick: goal.tick, beganAt, endedAt };
    const finding = judgeRecord(goal.entry, observed[i] as Observed, look, clockMarginMs);
    return finding ? [{ goal, name: nameOf(goal.entry.key), finding }] : [];
  });
}

interface CounterGoal {
  readonly entry: CounterEntry;
  readonly atLeast: number;
}

async function lookAtCounters(source: Source, goals: readonly CounterGoal[]): Promise<Suspect<CounterGoal>[]> {
  const observed = await source.counters(goals.map(({ entry }) => entry.id));
  return goals.flatMap((goal, i) => {
    const finding = judgeCounter(goal.entry, observed[i] as number, goal.atLeast);
    return finding ? [{ goal, name: `usage ${goal.entry.id}`, finding }] : [];
  });
}

function byCollection(entries: readonly RecordEntry[]): Map<string, RecordEntry[]> {
  const groups = new Map<string, RecordEntry[]>();
  for (const entry of entries) {
    const { collection } = entry.key;
    const group = groups.get(collection) ?? [];
    group.push(entry);
    groups.set(collection, group);
  }
  return groups;
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += CHUNK) yield items.slice(from, from + CHUNK);
}
