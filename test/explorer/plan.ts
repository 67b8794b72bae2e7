/** What happens in one schedule, as data: made from a seed, and cut down when it fails. */
import type { StrategyName } from "../../src/strategy/strategies.js";
import { strategyNames } from "../../src/strategy/strategies.js";
import type { RunLimits } from "./migration-process.js";
import { addFaults, addForcedPassage, addGiveUp, addRuns, type When } from "./plan-parts.js";
import { Random } from "./random.js";

/** How the network and the clocks behave. */
export interface Weather {
  /** Legs of a call usually take 1 to this. Milliseconds. */
  readonly usualMs: number;
  readonly slowShare: number;
  readonly slowMs: number;
  /** Share of answers that are lost after the effect. */
  readonly lostShare: number;
  readonly redisSkewMs: number;
  readonly postgresSkewMs: number;
}

export type PlannedEvent = { readonly at: number } & (
  | {
      readonly kind: "put" | "update" | "delete" | "create" | "cancelled-put";
      readonly process: number;
      readonly id: string;
      readonly op: string;
      readonly ttlMs?: number;
    }
  | { readonly kind: "read"; readonly process: number; readonly id: string }
  /** Looks for the record whose chain begins with this operation. */
  | { readonly kind: "find"; readonly process: number; readonly first: string }
  | { readonly kind: "count"; readonly process: number; readonly id: string; readonly op: string; readonly by: number }
  | { readonly kind: "read-count"; readonly process: number; readonly id: string }
  | { readonly kind: "bypass-set"; readonly id: string; readonly op: string; readonly ttlMs?: number }
  | { readonly kind: "bypass-delete"; readonly id: string; readonly op: string }
  | { readonly kind: "bypass-expire"; readonly id: string; readonly op: string; readonly ttlMs: number }
  | { readonly kind: "bypass-count"; readonly id: string; readonly op: string; readonly by: number }
  | { readonly kind: "bypass-uncount"; readonly id: string; readonly op: string }
  | ({ readonly kind: "backfill"; readonly op: string } & RunLimits)
  | ({ readonly kind: "verify"; readonly op: string; readonly repair: boolean } & RunLimits)
  | { readonly kind: "flip"; readonly to: number; readonly graceful: boolean; readonly live: boolean }
  /** Redis is given up if every process is at the last stage; taken back, emptied, before an earlier one, or by the second. */
  | { readonly kind: "give-up" | "take-back"; readonly op: string }
  /** The gate before this stage is to be passed whatever it finds. */
  | { readonly kind: "force"; readonly to: number }
  | { readonly kind: "crash"; readonly process: number }
  | { readonly kind: "snapshot" | "flush" | "restore" | "restart" }
  | {
      readonly kind: "outage";
      readonly store: "redis" | "postgres";
      readonly manner: "refuses" | "silent";
      readonly ms: number;
    }
);

export interface Plan {
  readonly seed: number;
  readonly weather: Weather;
  readonly stage: number;
  readonly processes: number;
  /** Ids of records and counters that stood in Redis before the library came. */
  readonly legacy: readonly string[];
  readonly legacyCounters: readonly string[];
  /** Entries that a repair log holds before it becomes one mark. @default no limit */
  readonly logLimit?: number;
  /** Share of reads that are compared with the mirror. */
  readonly compare: number;
  readonly events: readonly PlannedEvent[];
}

export const RECORD_IDS = ["a", "b"] as const;
export const COUNTER_IDS = ["m", "n", "t", "r"] as const;
/** Those that live for a time. */
const EXPIRING_IDS = ["t", "t", "r", "m"] as const;

/** What few schedules are about. */
const SPECIALS = [
  ...[null, null, null, null, null, null, null],
  ...(["full-log", "full-log", "forced", "give-up", "expiring-counters"] as const),
];

export function strategyOf(stage: number): StrategyName {
  return strategyNames[stage] as StrategyName;
}

export function makePlan(seed: number): Plan {
  const random = new Random(seed);
  for (let i = 0; i < 3; i++) random.next();
  const calmNet = random.chance(0.4);
  const skew = random.chance(0.5) ? 0 : 1;
  const weather: Weather = {
    usualMs: random.pick([2, 6, 12, 40]),
    slowShare: calmNet ? 0 : random.pick([0.01, 0.04]),
    slowMs: random.pick([120, 700, 2500]),
    lostShare: random.chance(0.6) ? 0 : random.pick([0.005, 0.03]),
    redisSkewMs: skew * random.between(-400, 400),
    postgresSkewMs: skew * random.between(-400, 400),
  };
  const processes = random.pick([1, 2, 2, 3]);
  const length = random.pick([400, 1200, 2500]);
  const events: PlannedEvent[] = [];
  // The walk begins with a handover where the first stage is Postgres's: most such schedules wait for it.
  const special = random.pick(SPECIALS);
  const first =
    special === "give-up" ? 3 : special === "forced" ? random.pick([1, 2]) : random.pick([0, 0, 1, 1, 1, 2, 2, 2, 3]);
  const lead = first >= 2 && random.chance(0.8) ? 700 : 0;

  // Races need things to happen at once: most events gather around a few moments.
  const moments = [0.1, 0.5, 0.8].map((part) => Math.floor(length * part * (0.5 + random.next())));
  const gathered = random.pick([0.2, 0.7, 0.9]);
  const at = () =>
    random.chance(gathered) ? lead + random.pick(moments) + random.between(0, 40) : lead + random.between(0, length);
  const process = () => random.between(0, processes - 1);
  let ops = 0;
  const op = () => `o${++ops}`;
  const id = () => (random.chance(0.85) ? RECORD_IDS[0] : RECORD_IDS[1]);
  const counter = () => {
    if (special === "expiring-counters") return random.pick(EXPIRING_IDS);
    return random.chance(0.85) ? COUNTER_IDS[0] : COUNTER_IDS[1];
  };

  const focus = special === "expiring-counters" ? "counters" : random.pick(["records", "counters", "both"] as const);
  if (focus !== "counters") {
    const writes = random.between(2, 9);
    for (let i = 0; i < writes; i++) {
      const kind = random.pick([
        "put",
        "put",
        "update",
        "update",
        "update",
        "update",
        "delete",
        "create",
        "cancelled-put",
      ] as const);
      const ttlMs = kind !== "delete" && random.chance(0.12) ? random.between(50, length) : undefined;
      events.push({
        at: at(),
        kind,
        process: process(),
        id: id(),
        op: op(),
        ...(ttlMs === undefined ? {} : { ttlMs }),
      });
    }
    for (let i = random.between(0, 7); i > 0; i--)
      events.push({ at: at(), kind: "read", process: process(), id: id() });
    for (let i = random.pick([0, 0, 1, 3]); i > 0; i--)
      // Also what only bypass writers wrote, then or before the library came.
      events.push({
        at: at(),
        kind: "find",
        process: process(),
        first: random.chance(0.25) ? `legacy-${id()}` : `o${random.between(1, writes + 6)}`,
      });
  }
  if (focus !== "records") {
    for (let i = random.between(2, 7); i > 0; i--)
      events.push({ at: at(), kind: "count", process: process(), id: counter(), op: op(), by: random.between(1, 4) });
    for (let i = random.between(0, 3); i > 0; i--)
      events.push({ at: at(), kind: "read-count", process: process(), id: counter() });
  }

  const legacy =
    special === "forced" || (special !== "give-up" && random.chance(0.3))
      ? RECORD_IDS.filter(() => random.chance(0.7))
      : [];
  const legacyCounters = random.chance(0.3) ? COUNTER_IDS.slice(0, 2).filter(() => random.chance(0.7)) : [];
  if (random.chance(0.35)) {
    for (let i = random.between(1, 4); i > 0; i--) {
      if (focus !== "counters") {
        const kind = random.pick(["bypass-set", "bypass-set", "bypass-delete", "bypass-expire"] as const);
        if (kind === "bypass-delete") events.push({ at: at(), kind, id: id(), op: op() });
        else if (kind === "bypass-expire")
          events.push({ at: at(), kind, id: id(), op: op(), ttlMs: random.between(50, 2 * length) });
        else
          events.push({
            at: at(),
            kind,
            id: id(),
            op: op(),
            ...(random.chance(0.15) ? { ttlMs: random.between(50, 2 * length) } : {}),
          });
      }
      if (focus !== "records") {
        if (random.chance(0.75))
          events.push({ at: at(), kind: "bypass-count", id: counter(), op: op(), by: random.between(1, 4) });
        else events.push({ at: at(), kind: "bypass-uncount", id: counter(), op: op() });
      }
    }
  }

  // A walk over the stages, each step to a neighbour.
  let stage = first;
  for (
    let i = random.pick([0, 0, 1, 1, 2, 3]),
      time = lead + Math.floor(random.chance(0.5) ? (moments[0] as number) : random.between(0, length / 2));
    i > 0;
    i--
  ) {
    stage = stage === 0 ? 1 : stage === 3 ? 2 : stage + random.pick([1, -1]);
    events.push({ at: time, kind: "flip", to: stage, graceful: random.chance(0.7), live: random.chance(0.3) });
    time += random.between(50, Math.floor(length / 2));
  }
  const when: When = { at, process, lead, length, usualMs: weather.usualMs };
  addRuns(random, events, when);
  if (special === "give-up") addGiveUp(random, events, when);
  if (special === "forced") addForcedPassage(random, events, when, first);
  // What only Redis had goes with its memory, also where a forced passage left it there.
  addFaults(random, events, when, special !== "forced" && special !== "expiring-counters");
  events.sort((a, b) => a.at - b.at);
  return {
    seed,
    weather,
    stage: first,
    processes,
    legacy,
    legacyCounters,
    ...(special === "full-log" ? { logLimit: random.pick([0, 1, 1]) } : {}),
    compare: random.chance(0.2) ? 1 : 0,
    events,
  };
}
