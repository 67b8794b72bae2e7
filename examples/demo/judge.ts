/** Decides whether what a store tells of a key can be, given what the journal knows of it. */
import { type CounterEntry, FIRST_MARK, type JournalledWrite, type RecordEntry, type RecordKey } from "./journal.js";

/** The promises that can be broken. */
export type Breach =
  /** An acknowledged write isn't there, or something older or strange stands in its place. */
  | "lost"
  /** A record whose delete was acknowledged is there. */
  | "resurrected"
  /** A record is told after the moment from which it is a miss. */
  | "expired"
  /** A counter isn't the sum of what was counted. */
  | "counter";

/** What a store told of a record: its value, or that there is none. */
export interface Observed {
  /** Null: there is none. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** SHA-1 of the bytes, where the store was read directly. */
  readonly digest?: string;
}

/** When a look was made. A write that was settled before `tick` has to be seen by it. */
export interface Look {
  readonly tick: number;
  /** Milliseconds since the epoch. */
  readonly beganAt: number;
  readonly endedAt: number;
}

export interface Finding {
  readonly breach: Breach;
  readonly what: string;
}

/** By how much the clocks of stores and demo may differ around an expiry. Milliseconds; outages of the clock don't happen. */
export const DEFAULT_CLOCK_MARGIN_MS = 100;

/** The mark that a legacy value holds, each kind of record in a field that its own form has; 0 for one that no client wrote. */
export function markOf({ collection, id, lane }: RecordKey, value: Readonly<Record<string, unknown>>): number {
  const found = place();
  return typeof found === "number" && found >= FIRST_MARK ? found : 0;

  function place(): unknown {
    if (lane !== undefined) return value[markField(lane)];
    if (collection !== "subscriptions") return value[markField()];
    if (id.startsWith("user:")) return value.monthly_price;
    return (value.payment_info as Record<string, unknown> | null | undefined)?.[markField()];
  }
}

export function markField(lane?: string): string {
  return lane === undefined ? "demo_mark" : `demo_mark_${lane}`;
}

/** The last write that a look begun at `tick` has to see, or a later one. */
export function floorOf(entry: RecordEntry, tick: number): JournalledWrite | null {
  return entry.writes.findLast((write) => write.outcome === "acknowledged" && write.settledAt <= tick) ?? null;
}

/** Null: it can be. */
export function judgeRecord(
  entry: RecordEntry,
  observed: Observed,
  look: Look,
  clockMarginMs = DEFAULT_CLOCK_MARGIN_MS,
): Finding | null {
  const floor = floorOf(entry, look.tick);
  const from = floor ? entry.writes.indexOf(floor) : 0;
  // A write of unknown outcome may take effect late, so it stays possible for good; a refused one never was.
  const possible = entry.writes.filter(
    (write, at) => (at >= from && write.outcome !== "refused") || write.outcome === "unknown",
  );
  const canHaveExpired = (write: JournalledWrite) =>
    write.expiresAt !== null && write.expiresAt <= look.endedAt + clockMarginMs;

  if (observed.value === null) {
    const explained = floor === null || possible.some((write) => write.kind === "delete" || canHaveExpired(write));
    return explained ? null : { breach: "lost", what: `write ${floor.mark} was acknowledged and nothing is there` };
  }
  const mark = markOf(entry.key, observed.value);
  // A client's own field of a record that others made: nothing was promised before its first answer.
  if (floor === null && mark === 0) return null;
  const source = possible.find((write) => write.kind === "put" && write.mark === mark);
  if (source) {
    if (source.expiresAt !== null && source.expiresAt + clockMarginMs < look.beganAt) {
      return { breach: "expired", what: `it ended ${look.beganAt - source.expiresAt} ms before it was asked for` };
    }
    const changed =
      mark === 0 && entry.digest !== null && observed.digest !== undefined && observed.digest !== entry.digest;
    return changed ? { breach: "lost", what: "its bytes changed, though nobody wrote it" } : null;
  }
  if (floor?.kind === "delete") {
    return { breach: "resurrected", what: `delete ${floor.mark} was acknowledged and write ${mark} stands` };
  }
  if (floor && floor.expiresAt !== null && floor.expiresAt + clockMarginMs < look.beganAt) {
    return { breach: "expired", what: `it ended as write ${floor.mark}, and write ${mark} stands` };
  }
  return { breach: "lost", what: `write ${floor?.mark ?? "none"} was acknowledged and write ${mark} stands` };
}

/** `atLeast`: what had been acknowledged when the look began. */
export function judgeCounter(entry: CounterEntry, observed: number, atLeast: number): Finding | null {
  if (observed >= atLeast && observed <= entry.possible) return null;
  const range = atLeast === entry.possible ? `${atLeast}` : `${atLeast} to ${entry.possible}`;
  return { breach: "counter", what: `it stands at ${observed} instead of ${range}` };
}
