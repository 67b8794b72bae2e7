/** Counts how often the other store refused a state, so that it is set aside after a bounded number of tries. */
import type { HeldCounter, HeldRecord, LogEntry } from "../stores/store.js";

/** What is refused this often is refused for good. Between two tries other records are sent, which may have been in its way. */
const TRIES = 3;

export interface Refused {
  readonly entry: LogEntry;
  readonly reason: string;
  /** As `refusedValue` gives it. */
  readonly value: Buffer | null;
}

/** As the list has it: a value's bytes, a counter's sum; null for a delete, or where something else stands. */
export function refusedValue(held: HeldRecord | HeldCounter): Buffer | null {
  if (held.kind !== "value") return null;
  return "bytes" in held ? held.bytes : Buffer.from(String(held.redisPart + held.postgresPart));
}

/** As large as what was refused in the last round of each log. */
export class Refusals {
  readonly #tries = new Map<string, ReadonlyMap<string, number>>();

  /** Counts one round of a log, named by `log`: what is refused for good, and what is to be tried again. */
  count(log: string, refused: readonly Refused[]): { forGood: Refused[]; again: Refused[] } {
    const before = this.#tries.get(log);
    const tries = new Map<string, number>();
    const forGood: Refused[] = [];
    const again: Refused[] = [];
    for (const one of refused) {
      // Another state of the same record begins anew.
      const state = `${one.entry.stamp} ${one.entry.id}`;
      const tried = (before?.get(state) ?? 0) + 1;
      if (tried >= TRIES) forGood.push(one);
      else {
        tries.set(state, tried);
        again.push(one);
      }
    }
    if (tries.size > 0) this.#tries.set(log, tries);
    else this.#tries.delete(log);
    return { forGood, again };
  }
}
