/** Parts that came when seeds had a meaning already: each draws from a stream of its own, so that most plans stay as they were. */
import { asMember } from "./collections.js";
import type { Plan, PlannedEvent } from "./plan.js";
import { fork, type Random } from "./random.js";

export function withLaterParts(plan: Plan): Plan {
  return [withMembers, withJumps, withSweeps, withOccupation].reduce((made, add) => add(made), plan);
}

const lastOf = ({ events }: Plan) => Math.max(0, ...events.map(({ at }) => at));

const inOrder = (events: readonly PlannedEvent[]) => [...events].sort((a, b) => a.at - b.at);

/** Some values put their record into the set that follows the records. */
export function withMembers(plan: Plan): Plan {
  const random = fork(plan.seed, "members");
  if (!random.chance(0.2)) return plan;
  const names = new Map(
    plan.events.flatMap((event) =>
      "op" in event && /^(put|update|create|cancelled-put|update-by|bypass-set)$/.test(event.kind) && random.chance(0.5)
        ? [[event.op, asMember(event.op)] as const]
        : [],
    ),
  );
  const renamed = (name: string) => names.get(name) ?? name;
  return {
    ...plan,
    poison: plan.poison.map(renamed),
    events: plan.events.map((event) => ({
      ...event,
      ...("op" in event ? { op: renamed(event.op) } : {}),
      ...("first" in event ? { first: renamed(event.first) } : {}),
    })),
  };
}

/** Clocks jump: a server's some seconds, an application's an hour. Of what ends by a clock nothing can be said then. */
function withJumps(plan: Plan): Plan {
  const random = fork(plan.seed, "jumps");
  if (!random.chance(0.08)) return plan;
  const events: PlannedEvent[] = plan.events.filter((event) => !("ttlMs" in event)).map(withoutEnd);
  for (let i = random.pick([1, 2, 3, 4]); i > 0; i--) {
    const of = random.pick(["redis", "redis", "postgres", "postgres", "application"] as const);
    const far = of === "application" ? [3_600_000, 90_000] : [800, 3000, 6000];
    const byMs = random.pick([1, -1]) * random.pick(far);
    // Mostly while something is under way.
    const at = random.chance(0.2) ? 0 : (random.pick(events)?.at ?? 0) + random.between(0, 15);
    events.push({ at, kind: "clock", of, byMs });
  }
  return { ...plan, events: inOrder(events) };
}

/** A counter that lives for a time becomes one that doesn't. */
function withoutEnd(event: PlannedEvent): PlannedEvent {
  return "id" in event && (event.id === "t" || event.id === "r") ? { ...event, id: "m" } : event;
}

/** How long the dead are kept in schedules that sweep: longer than any message is under way. Milliseconds. */
const RETENTION_MS = 20_000;

/** What died is swept once its time is over, which a store may have been away for, and then its key is used again. */
function withSweeps(plan: Plan): Plan {
  const random = fork(plan.seed, "sweeps");
  if (!random.chance(0.06)) return plan;
  const last = lastOf(plan);
  const events = [...plan.events];
  let sweeps = 0;
  const sweep = (at: number) => events.push({ at, kind: "sweep", op: `s${++sweeps}` });
  for (let i = random.pick([1, 2]); i > 0; i--) sweep(random.between(0, last + 500));
  const later = last + RETENTION_MS + random.between(0, 2000);
  for (const after of [0, 300, 600]) sweep(later + after);
  // Only a Postgres that is known to hold everything is swept.
  events.push({ at: 0, kind: "backfill", op: "b0", pageSize: 2 });
  if (random.chance(0.5)) addLongOutage(random, events, random.between(0, last), sweep);
  // What only Redis had goes with its memory, also where a forced passage left it there.
  const isForced = events.some(({ kind }) => kind === "force");
  if (random.chance(0.5) && !isForced) addMemoryLoss(random, events, later + random.between(0, 1000));
  for (let i = random.between(1, 4); i > 0; i--)
    addLater(random, events, later + random.between(0, 1200), `later-${i}`);
  // Nor what a full log left out, which a forced passage leaves behind.
  const logLimit = random.chance(0.4) && !isForced ? 0 : plan.logLimit;
  return {
    ...plan,
    ...(logLimit === undefined ? {} : { logLimit }),
    retentionMs: RETENTION_MS,
    events: inOrder(events),
  };
}

/** One store is away while the other's record dies, for longer than that is kept. */
function addLongOutage(random: Random, events: PlannedEvent[], at: number, sweep: (at: number) => void): void {
  const store = random.pick(["redis", "redis", "postgres"] as const);
  // A silent store would get messages when it is back that are older than what it keeps.
  const ms = RETENTION_MS + random.between(-1000, 3000);
  events.push({ at, kind: "outage", store, manner: "refuses", ms });
  const one = { process: random.between(0, 2), id: "a" };
  events.push({ ...one, at: Math.max(0, at - 150), kind: "put", op: "before" });
  if (random.chance(0.5)) events.push({ ...one, at: at + 50, kind: "delete", op: "within" });
  else events.push({ ...one, at: at + 50, kind: "put", op: "within", ttlMs: 300 });
  sweep(at + 900);
  sweep(at + 1000 + RETENTION_MS);
}

function addMemoryLoss(random: Random, events: PlannedEvent[], at: number): void {
  const kind = random.pick(["flush", "restore", "restart"] as const);
  if (kind === "restore") events.push({ at: at - random.between(0, RETENTION_MS / 2), kind: "snapshot" });
  events.push({ at, kind });
}

function addLater(random: Random, events: PlannedEvent[], at: number, op: string): void {
  const one = { at, process: random.between(0, 2), id: random.pick(["a", "a", "b"]), op };
  const kind = random.pick(["put", "create", "delete", "update", "read", "flip"] as const);
  if (kind === "flip") events.push({ at, kind, to: random.pick([1, 2]), graceful: true, live: random.chance(0.5) });
  else if (kind === "read") events.push({ at, kind, process: one.process, id: one.id });
  else events.push({ ...one, kind });
}

/** Another program puts a text in the place of the set, so that Redis refuses every record for good, until it is put right. */
function withOccupation(plan: Plan): Plan {
  const random = fork(plan.seed, "occupation");
  if (!random.chance(0.08)) return plan;
  const last = lastOf(plan);
  const events: PlannedEvent[] = [...plan.events, { at: random.between(0, last), kind: "occupy" }];
  for (let i = random.pick([0, 1, 2]); i > 0; i--)
    events.push({ at: random.between(0, last), kind: "retry", op: `again${i}` });
  return { ...plan, events: inOrder(events) };
}
