/** Waits for the authority where a write has to read first. */
import { AuthorityUnavailableError, ConflictError, type OutcomeUnknownError } from "../errors.js";
import type { Operation } from "../stores/operation.js";
import { outcomeUnknown } from "../stores/retry.js";
import { AuthorityReadError } from "./authority-read.js";

/** Pauses between tries, milliseconds: the first, doubled each time up to the longest. */
const FIRST_PAUSE = 15;
const LONGEST_PAUSE = 200;

/**
 * Repeats a read that takes no fallback until it is answered or the operation's time is up.
 * @throws at the deadline AuthorityUnavailableError if nothing was applied, ConflictError if other changes came first until then,
 *   OutcomeUnknownError if an earlier attempt may have been applied
 */
export async function untilAuthorityAnswers<T>(
  collection: string,
  operation: Operation,
  read: () => Promise<T>,
): Promise<T> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await read();
    } catch (error) {
      const isAway = error instanceof AuthorityReadError || error instanceof AuthorityUnavailableError;
      if (!isAway) throw error;
      if (operation.remaining <= pause || operation.cancelled) {
        const options = {
          cause: error instanceof AuthorityReadError ? error.cause : error,
          operationId: operation.id,
        };
        if (mayStand(operation)) throw outcomeUnknown(`An update of ${collection}`, options);
        // Where there was time to ask again, and again in vain, the authority is away.
        if (operation.outrun && pause === FIRST_PAUSE) throw outrun(collection, operation);
        throw new AuthorityUnavailableError(
          `${collection}: the authority could not be read for an update before the deadline; nothing was applied. Retry it.`,
          options,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Other changes came first until there was no time left. */
export function outrun(collection: string, operation: Operation): ConflictError | OutcomeUnknownError {
  if (mayStand(operation)) return outcomeUnknown(`An update of ${collection}`, { operationId: operation.id });
  return new ConflictError(
    `${collection}: other changes kept coming first until the deadline; nothing was applied. Retry it.`,
    { operationId: operation.id },
  );
}

/** An earlier attempt may have been applied, or may be yet. */
function mayStand({ uncertain, everUnheard }: Operation): boolean {
  return uncertain || everUnheard;
}
