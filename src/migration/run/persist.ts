/** Carries a long run over outages: repeats a step while a store is away or the term moves. */
import { BrokenCircuitError } from "cockatiel";
import { AuthorityUnavailableError, FencedError } from "../../errors.js";
import { describe } from "../../stores/guard.js";
import { isTransient } from "../../stores/transient-errors.js";
import { rest } from "./pace.js";

export interface Patience {
  /** Ends the waiting; a step under way is never cut short. */
  readonly signal?: AbortSignal | undefined;
  /** How long a step is repeated. Milliseconds. */
  readonly patienceMs: number;
}

/** How long a run waits for a store by default. Milliseconds. */
export const PATIENCE_MS = 5 * 60_000;

/** A store that was never reached is more likely misnamed than away. Milliseconds. */
const BEGINNING_MS = 15_000;

/** The patience for the first steps. */
export function toBegin(patience: Patience): Patience {
  return { ...patience, patienceMs: Math.min(patience.patienceMs, BEGINNING_MS) };
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/**
 * Repeats `step` until it succeeds, fails for good, or patience ends. `repetition` counts from 0.
 * @throws AuthorityUnavailableError when patience ends; the signal's reason when it aborts while a step fails
 */
export async function persist<T>(
  what: string,
  { signal, patienceMs }: Patience,
  step: (repetition: number) => Promise<T>,
): Promise<T> {
  const until = performance.now() + patienceMs;
  let reason: unknown;
  for (let repetition = 0; ; repetition++) {
    try {
      return await step(repetition);
    } catch (error) {
      if (!(error instanceof FencedError) && !isTransient(error)) throw error;
      // An open circuit tells nothing of what opened it.
      if (reason === undefined || !(error instanceof BrokenCircuitError)) reason = error;
      if (performance.now() >= until) {
        const told = describe(reason).replace(/\.*$/, ".");
        throw new AuthorityUnavailableError(
          `${what} was given up after ${Math.round(patienceMs / 1000)} s: ${told} Nothing is lost: check the stores and run it again.`,
          { cause: error },
        );
      }
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(repetition, 10));
      await rest(pause * (0.5 + Math.random()), signal);
    }
  }
}
