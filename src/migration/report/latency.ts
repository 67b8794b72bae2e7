/** How soon a store answers now. */
import type { Guard } from "../../stores/guard.js";
import { PAGE_MS } from "../migration-context.js";

export interface Latency {
  /** Round trips that were timed. */
  readonly asked: number;
  /** Milliseconds. */
  readonly medianMs: number;
  readonly slowestMs: number;
}

const TIMES = 21;

/** Null: it doesn't answer. */
export async function measureLatency(guard: Guard | null): Promise<Latency | null> {
  if (!guard) return null;
  const took: number[] = [];
  try {
    // The first may have to connect.
    await guard.attempt((store) => store.now(), PAGE_MS);
    for (let n = 0; n < TIMES; n++) {
      const sent = performance.now();
      await guard.attempt((store) => store.now(), PAGE_MS);
      took.push(performance.now() - sent);
    }
  } catch {
    return null; // The status says why.
  }
  took.sort((a, b) => a - b);
  return { asked: TIMES, medianMs: rounded(took[TIMES >> 1]), slowestMs: rounded(took.at(-1)) };
}

function rounded(ms = 0): number {
  return Math.round(ms * 100) / 100;
}
