/** What happens in one schedule, as data: made from a seed, and cut down when it fails. */

import type { StoreName } from "../../src/stores/state.js";
import type { StrategyName } from "../../src/strategy/strategies.js";
import { strategyNames } from "../../src/strategy/strategies.js";
import { COUNTER_IDS, RECORD_IDS } from "./collections.js";
import type { RunLimits } from "./migration-process.js";
import { withLaterParts } from "./plan-added.js";
import {
  addBurst,
  addByKey,
  addBypassWriters,
  addCounterCallers,
  addRecordCallers,
  type When,
} from "./plan-callers.js";
import { addCuts, addFaults, addForcedPassage, addGiveUp, addPoison, addRuns } from "./plan-parts.js";
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
      /** Another record that is put in the same step. */
      readonly also?: string;
    }
  /** Of the record whose chain begins with this operation. */
  | { readonly kind: "update-by" | "delete-by"; readonly process: number; readonly first: string; readonly op: string }
  | { readonly kind: "read"; readonly process: number; readonly id: string }
  /** Looks for the record whose chain begins with this operation. */
  | { readonly kind: "find"; readonly process: number; readonly first: string }
  | {
      readonly kind: "count";
      readonly process: number;
      readonly id: string;
      readonly op: string;
      readonly by: number;
      /** Another counter that is counted in the same step. */
      readonly also?: string;
    }
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
      readonly store: StoreName;
      readonly manner: Cut;
      readonly ms: number;
      /** Only this process is cut off. @default all are */
      readonly process?: number;
    }
  /** Neither its calls nor their answers get anywhere, as if it had been stopped. */
  | { readonly kind: "freeze"; readonly process: number; readonly ms: number }
  /** What was set aside is sent again; what has been dead for the whole retention goes. */
  | { readonly kind: "retry" | "sweep"; readonly op: string }
  /** A clock jumps: a server's, or that of all processes. */
  | { readonly kind: "clock"; readonly of: StoreName | "application"; readonly byMs: number }
  /** Another program puts a text in the place of the set that follows the records. */
  | { readonly kind: "occupy" }
);

/** `refuses`: calls fail at once, answers are lost. `silent`: both hang until it is over. `deaf`: calls arrive, answers hang. */
export type Cut = "refuses" | "silent" | "deaf";

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
  /** How long tombstones are kept. Milliseconds. @default the library's own time, longer than any schedule */
  readonly retentionMs?: number;
  /** Whether the stores gather calls, as the real ones do. */
  readonly coalesce: boolean;
  /** Operations whose values Postgres refuses, until faults end. */
  readonly poison: readonly string[];
  /** Share of reads that are compared with the mirror. */
  readonly compare: number;
  readonly events: readonly PlannedEvent[];
}

/** Those that live for a time. */
const EXPIRING_IDS = ["t", "t", "r", "m"] as const;

/** What few schedules are about. */
const SPECIALS = [
  ...[null, null, null, null, null, null, null],
  ...(["full-log", "full-log", "forced", "give-up", "expiring-counters", "poison", "burst"] as const),
];

/** What nothing can be said of while it happens. */
const DISTURBANCES: readonly PlannedEvent["kind"][] = [
  ...(["crash", "flush", "restore", "restart", "outage", "freeze", "flip", "give-up", "take-back", "force"] as const),
  ...(["clock", "occupy"] as const),
];

/** A good network, and no faults. */
export function isQuiet({ weather, logLimit, events }: Plan): boolean {
  const isGood = weather.slowShare === 0 && weather.lostShare === 0 && weather.usualMs <= 12;
  return isGood && logLimit === undefined && events.every(({ kind }) => !DISTURBANCES.includes(kind));
}

export function strategyOf(stage: number): StrategyName {
  return strategyNames[stage] as StrategyName;
}

export function makePlan(seed: number): Plan {
  return withLaterParts(makeFirstPlan(seed));
}

/** Without the parts that came later. */
export function makeFirstPlan(seed: number): Plan {
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
  const when: When = { at, process, op, id, counter, lead, length, usualMs: weather.usualMs };
  if (focus !== "counters") addRecordCallers(random, events, when);
  if (focus !== "records") addCounterCallers(random, events, when);

  const legacy =
    special === "forced" || (special !== "give-up" && random.chance(0.3))
      ? RECORD_IDS.filter(() => random.chance(0.7))
      : [];
  const legacyCounters = random.chance(0.3) ? COUNTER_IDS.slice(0, 2).filter(() => random.chance(0.7)) : [];
  if (random.chance(0.35)) addBypassWriters(random, events, when, focus);

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
  addRuns(random, events, when);
  if (special === "give-up") addGiveUp(random, events, when);
  if (special === "forced") addForcedPassage(random, events, when, first);
  // What only Redis had goes with its memory, also where a forced passage left it there.
  addFaults(random, events, when, special !== "forced");
  if (focus !== "counters") addByKey(random, events, when);
  if (special === "burst") addBurst(random, events, when);
  addCuts(random, events, when);
  const poison = special === "poison" ? addPoison(random, events, when) : [];
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
    coalesce: special === "burst" || random.chance(0.6),
    poison,
    events,
  };
}
