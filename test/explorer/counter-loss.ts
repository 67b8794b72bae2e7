/** What is left of a counter after a memory loss of the authority, by what both stores hold. */
import type { CounterState } from "../../src/stores/state.js";
import { mergeCounters } from "../../src/stores/state.js";

/** What a Redis holds of a counter: the key's number, and the parts as the companion tells them. */
export interface InRedis {
  readonly sum: number | null;
  readonly expiresAt: number | null;
  readonly known: CounterState | null;
}

export interface Survivor {
  readonly sum: number;
  readonly expiresAt: number | null;
  /** The operations that are part of it, or came before it. */
  readonly operations: ReadonlySet<string>;
  /** What of it Redis alone has: it stands by itself where the rest is over before the two are brought together. */
  readonly beside: { readonly sum: number; readonly expiresAt: number | null } | null;
}

/**
 * Of two states the newer one wins whole, with its operations. What Redis counted since its loss is added; after a full one (`all`)
 * all that stands without a companion was.
 * @param isOver whether that moment has passed for Redis
 */
export function survivorOf(
  kind: "some" | "all",
  redis: InRedis,
  row: CounterState | undefined,
  isOver: (moment: number | null) => boolean,
): Survivor {
  const { sum, expiresAt, known } = redis;
  const theirs = row?.operations ?? [];
  const gone = isOver(row?.expiresAt ?? null);
  const whole = (state: CounterState): Survivor => ({
    sum: sumOf(state),
    expiresAt: state.expiresAt,
    operations: new Set(state.operations),
    beside: null,
  });
  const alone = (operations: readonly string[]): Survivor => ({
    sum: sum ?? 0,
    expiresAt,
    operations: new Set(operations),
    beside: null,
  });
  if (!known) {
    if (row && (sum === null || (kind === "some" && row.stamp > 0))) return whole(row);
    if (sum === null || !row || gone) return alone(theirs);
    const together = kind === "all" ? sumOf(row) + sum : Math.max(sumOf(row), sum);
    return {
      ...alone(theirs),
      sum: together,
      expiresAt: kind === "all" ? row.expiresAt : expiresAt,
      beside: redis as Own,
    };
  }
  const both = [...known.operations, ...theirs];
  const newer = row !== undefined && isNewer(row, known);
  // One that counted later, alone, knew nothing of the other's generation.
  const asTold = (told: CounterState): Survivor =>
    told.stamp > known.stamp ? whole(told) : { ...whole(told), operations: new Set(both) };
  const later = row !== undefined && row.stamp > known.stamp;
  if (sum === null) {
    const ended = isOver(known.expiresAt);
    if (newer && (later || ended)) return asTold(row);
    return ended ? whole(known) : alone(both);
  }
  if (sum < sumOf(known)) return newer && later && kind === "some" ? asTold(row) : alone(both);
  const since = sum - sumOf(known);
  if (!newer) {
    const merged = row ? mergeCounters(known, row) : known;
    const operations = row && row.generation === known.generation ? both : known.operations;
    return { ...alone(operations), sum: sumOf(merged) + since };
  }
  if (since === 0 || (later && kind === "some")) return asTold(row);
  if (gone) return { ...alone(both), sum: since };
  const life = later ? row.expiresAt : expiresAt;
  return { ...alone(both), sum: sumOf(row) + since, expiresAt: life, beside: { sum: since, expiresAt } };
}

type Own = NonNullable<Survivor["beside"]>;

function isNewer(row: CounterState, known: CounterState): boolean {
  if (row.generation !== known.generation) return row.generation > known.generation;
  return row.stamp > known.stamp;
}

export function sumOf(state: CounterState): number {
  return state.redisPart + state.postgresPart;
}
