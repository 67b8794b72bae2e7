/** What a process measures of itself, for whatever collects metrics. */
import { strategies } from "../strategy/strategies.js";
import type { Health } from "./health.js";

export interface Measurement {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Metric {
  /** Without prefix and unit, in parts separated by dots: `store.latency`. */
  readonly name: string;
  readonly help: string;
  readonly unit: "seconds" | null;
  /** A counter only rises while the process lives. */
  readonly kind: "gauge" | "counter";
  readonly labels: readonly string[];
  readonly measure: (health: Health) => readonly Measurement[];
}

const one = (value: number): Measurement[] => [{ value, labels: {} }];

const stores = (health: Health) =>
  (["redis", "postgres"] as const).flatMap((store) => {
    const state = health[store];
    return state ? [{ store, state }] : [];
  });

export const metrics: readonly Metric[] = [
  {
    name: "stage",
    help: "Stage of the strategy that this process follows, 0 to 3.",
    unit: null,
    kind: "gauge",
    labels: ["strategy"],
    measure: ({ strategy }) => [{ value: strategies[strategy].stage, labels: { strategy } }],
  },
  {
    name: "authority",
    help: "1 for the store that decides outcomes now; neither while that is being settled.",
    unit: null,
    kind: "gauge",
    labels: ["store"],
    measure: ({ authority }) =>
      ["redis", "postgres"].map((store) => ({ value: store === authority ? 1 : 0, labels: { store } })),
  },
  {
    name: "term",
    help: "Number of the present reign.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ term }) => (term === null ? [] : one(term)),
  },
  {
    name: "ready",
    help: "1 while operations can be served.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ ready }) => one(ready ? 1 : 0),
  },
  {
    name: "waiting",
    help: "1 while the authority isn't where this process's strategy wants it.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ waitingFor }) => one(waitingFor === null ? 0 : 1),
  },
  {
    name: "store.up",
    help: "1 while the store answers.",
    unit: null,
    kind: "gauge",
    labels: ["store"],
    measure: (health) =>
      stores(health).map(({ store, state }) => ({ value: state.reachable ? 1 : 0, labels: { store } })),
  },
  {
    name: "store.latency",
    help: "Round trip to the store, by one call at the time of asking.",
    unit: "seconds",
    kind: "gauge",
    labels: ["store"],
    measure: (health) =>
      stores(health).flatMap(({ store, state }) =>
        state.latencyMs === null ? [] : [{ value: state.latencyMs / 1000, labels: { store } }],
      ),
  },
  {
    name: "lag",
    help: "Age of the oldest entry of the authority's repair log.",
    unit: "seconds",
    kind: "gauge",
    labels: [],
    measure: ({ lagMs }) => one(lagMs / 1000),
  },
  {
    name: "repair_log.entries",
    help: "Entries of the authority's repair log.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ repairLog }) => one(repairLog.entries),
  },
  {
    name: "repair_log.overflowed",
    help: "Collections whose repair log was full, so that they need a backfill.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ repairLog }) => one(repairLog.overflowed.length),
  },
  {
    name: "operations.in_flight",
    help: "Operations under way in this process.",
    unit: null,
    kind: "gauge",
    labels: [],
    measure: ({ inFlight }) => one(inFlight),
  },
  {
    name: "events",
    help: "Events by their name: divergence, fallback, repair, strategy, mirrorFailure, rejected.",
    unit: null,
    kind: "counter",
    labels: ["event"],
    measure: ({ counts }) => Object.entries(counts).map(([event, value]) => ({ value, labels: { event } })),
  },
  {
    name: "reads.compared",
    help: "Reads that were compared with the mirror.",
    unit: null,
    kind: "counter",
    labels: [],
    measure: ({ samples }) => one(samples.compared),
  },
  {
    name: "reads.differed",
    help: "Reads of which the mirror held something else.",
    unit: null,
    kind: "counter",
    labels: [],
    measure: ({ samples }) => one(samples.differed),
  },
];
