/** Who uses the stores in a plan: callers of the library, and programs that bypass it. */
import { COUNTER_IDS, RECORD_IDS } from "./collections.js";
import type { PlannedEvent, Weather } from "./plan.js";
import type { Random } from "./random.js";

/** When and to whom things happen. */
export interface When extends Pick<Weather, "usualMs"> {
  readonly at: () => number;
  readonly process: () => number;
  /** A new operation's id. */
  readonly op: () => string;
  /** A record, and a counter. */
  readonly id: () => string;
  readonly counter: () => string;
  /** What happens before the first callers ask, and how long they ask. Milliseconds. */
  readonly lead: number;
  readonly length: number;
}

export function addRecordCallers(random: Random, events: PlannedEvent[], { at, process, op, id, length }: When): void {
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
      ...(kind === "put" && random.chance(0.15) ? { also: RECORD_IDS[1] } : {}),
    });
  }
  for (let i = random.between(0, 7); i > 0; i--) events.push({ at: at(), kind: "read", process: process(), id: id() });
  for (let i = random.pick([0, 0, 1, 3]); i > 0; i--)
    // Also what only bypass writers wrote, then or before the library came.
    events.push({
      at: at(),
      kind: "find",
      process: process(),
      first: random.chance(0.25) ? `legacy-${id()}` : `o${random.between(1, writes + 6)}`,
    });
}

export function addCounterCallers(random: Random, events: PlannedEvent[], { at, process, op, counter }: When): void {
  for (let i = random.between(2, 7); i > 0; i--)
    events.push({
      at: at(),
      kind: "count",
      process: process(),
      id: counter(),
      op: op(),
      by: random.between(1, 4),
      ...(random.chance(0.25) ? { also: COUNTER_IDS[1] } : {}),
    });
  for (let i = random.between(0, 3); i > 0; i--)
    events.push({ at: at(), kind: "read-count", process: process(), id: counter() });
}

export function addBypassWriters(
  random: Random,
  events: PlannedEvent[],
  { at, op, id, counter, length }: When,
  focus: "records" | "counters" | "both",
): void {
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

/** Changes of records by what their chains begin with. */
export function addByKey(random: Random, events: PlannedEvent[], { at, process, op }: When): void {
  const firsts = events.flatMap((event) =>
    event.kind === "put" || event.kind === "create" || event.kind === "bypass-set" ? [event.op] : [],
  );
  for (let i = random.pick([0, 0, 0, 1, 2]); i > 0 && firsts.length > 0; i--) {
    const kind = random.pick(["update-by", "update-by", "delete-by"] as const);
    events.push({ at: at(), kind, process: process(), first: random.pick(firsts), op: op() });
  }
}

/** So much at once in one process that its calls go together. */
export function addBurst(random: Random, events: PlannedEvent[], { at, process, op }: When): void {
  for (let i = random.between(1, 2); i > 0; i--) {
    const [begin, place] = [at(), process()];
    for (let j = random.between(5, 10); j > 0; j--) {
      const one = { at: begin + random.between(0, 3), process: place };
      const id = random.pick(["a", "a", "b"]);
      switch (random.pick(["put", "update", "update", "delete", "read", "count", "count", "read-count"] as const)) {
        case "put":
          events.push({ ...one, kind: "put", id, op: op() });
          break;
        case "update":
          events.push({ ...one, kind: "update", id, op: op() });
          break;
        case "delete":
          events.push({ ...one, kind: "delete", id, op: op() });
          break;
        case "read":
          events.push({ ...one, kind: "read", id });
          break;
        case "count":
          events.push({ ...one, kind: "count", id: random.pick(["m", "m", "n"]), op: op(), by: random.between(1, 4) });
          break;
        case "read-count":
          events.push({ ...one, kind: "read-count", id: "m" });
      }
    }
  }
}
