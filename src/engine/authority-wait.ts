/** Waits for the authority where a write has to read first. */
import { AuthorityUnavailableError } from "../errors.js";
import type { Operation } from "../stores/operation.js";
import { AuthorityReadError } from "./authority-read.js";

/** Pauses between tries, milliseconds: the first, doubled each time up to the longest. */
const FIRST_PAUSE = 15;
const LONGEST_PAUSE = 200;

/**
 * Repeats a read that takes no fallback until it is answered or the operation's time is up.
 * @throws AuthorityUnavailableError at the deadline; nothing was applied
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
        throw new AuthorityUnavailableError(
          `${collection}: the authority could not be read for an update before the deadline; nothing was applied. Retry it.`,
          { cause: error instanceof AuthorityReadError ? error.cause : error, operationId: operation.id },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
