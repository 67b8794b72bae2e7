/** What a plan may have beside the callers and the walk over the stages. */
import type { PlannedEvent } from "./plan.js";
import type { When } from "./plan-callers.js";
import type { Random } from "./random.js";

/** Some of the values are refused by Postgres, whoever writes them. */
export function addPoison(random: Random, events: PlannedEvent[], { at }: When): string[] {
  // What ends within seconds is taken off the list of what was set aside: nothing expires here.
  events.splice(0, Number.POSITIVE_INFINITY, ...events.filter((event) => !("ttlMs" in event)));
  for (let i = random.pick([0, 1, 2]); i > 0; i--) events.push({ at: at(), kind: "retry", op: `r${i}` });
  return events.flatMap((event) =>
    "op" in event && /put|update|create|set/.test(event.kind) && random.chance(0.35) ? [event.op] : [],
  );
}

/** One process is cut off from one store, or stopped, while the others go on. */
export function addCuts(random: Random, events: PlannedEvent[], { at, process }: When): void {
  if (random.chance(0.8)) return;
  for (let i = random.pick([1, 1, 2]); i > 0; i--) {
    if (random.chance(0.25))
      events.push({ at: at(), kind: "freeze", process: process(), ms: random.pick([300, 1500, 4000, 11_000]) });
    else
      events.push({
        at: at(),
        kind: "outage",
        store: random.pick(["redis", "postgres"] as const),
        manner: random.pick(["refuses", "silent", "deaf"] as const),
        ms: random.pick([30, 200, 900, 3000]),
        process: process(),
      });
  }
}

type Fault = "crash" | "flush" | "restore" | "restart" | "outage";
const FAULTS: readonly Fault[] = ["crash", "crash", "flush", "restore", "restart", "outage", "outage"];

/** Runs of the migration, some of which are killed or stopped on their way. */
export function addRuns(random: Random, events: PlannedEvent[], { at, usualMs }: When): void {
  let runs = 0;
  const run = (name: string) => ({
    at: at(),
    op: `${name}${++runs}`,
    pageSize: random.pick([1, 2, 3]),
    ...(random.chance(0.3)
      ? { endsAfterMs: random.between(1, 60 * usualMs), end: random.pick(["kill", "stop"] as const) }
      : {}),
  });
  for (let i = random.pick([0, 0, 0, 1, 1, 2]); i > 0; i--) events.push({ kind: "backfill", ...run("b") });
  for (let i = random.pick([0, 0, 0, 1, 1]); i > 0; i--)
    events.push({ kind: "verify", repair: random.chance(0.6), ...run("v") });
}

/** Redis is given up, and mostly taken back. */
export function addGiveUp(random: Random, events: PlannedEvent[], { lead, length }: When): void {
  const at = lead + random.between(0, Math.floor(length / 2));
  for (const [i, later] of [0, 150, 400, 800].entries())
    events.push({ at: at + later, kind: "give-up", op: `giver-${i}` });
  if (random.chance(0.8)) {
    const back = at + 500 + random.between(0, length);
    events.push({ at: back, kind: "take-back", op: "taker" });
    if (random.chance(0.4)) events.push({ at: back + 100, kind: "flip", to: 1, graceful: true, live: false });
  }
}

/** The gate is passed whatever it finds. */
export function addForcedPassage(random: Random, events: PlannedEvent[], { lead, length }: When, first: number): void {
  const at = first === 1 ? lead + random.between(0, length) : 0;
  events.push({ at, kind: "force", to: 2 });
  if (first === 1) events.push({ at: at + 1, kind: "flip", to: 2, graceful: true, live: random.chance(0.5) });
}

/** `memory`: Redis may lose its memory too. */
export function addFaults(random: Random, events: PlannedEvent[], { at, process }: When, memory: boolean): void {
  if (random.chance(0.45)) return;
  const count = random.pick([1, 1, 2, 3]);
  for (let i = 0; i < count; i++) {
    const time = at();
    switch (random.pick(memory ? FAULTS : ["crash", "outage"])) {
      case "crash":
        events.push({ at: time, kind: "crash", process: process() });
        break;
      case "flush":
        events.push({ at: time, kind: "flush" });
        break;
      case "restart":
        events.push({ at: time, kind: "restart" });
        break;
      case "restore":
        events.push({ at: random.between(0, time), kind: "snapshot" }, { at: time, kind: "restore" });
        break;
      case "outage":
        events.push({
          at: time,
          kind: "outage",
          store: random.pick(["redis", "postgres"] as const),
          manner: random.pick(["refuses", "silent", "deaf"] as const),
          ms: random.pick([30, 200, 900, 3000]),
        });
        break;
    }
  }
}
