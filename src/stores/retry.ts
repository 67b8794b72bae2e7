/** Repeats an operation's attempts until one succeeds, and says at its deadline what is known of it. */
import pRetry from "p-retry";
import { AuthorityUnavailableError, DeadlineExceededError, FencedError, OutcomeUnknownError } from "../errors.js";
import { describe } from "./guard.js";
import type { Operation } from "./operation.js";
import { isTransient, provesNothingDone, StoreTimeoutError } from "./transient-errors.js";

/** Pauses between attempts: the first, doubled each time up to the longest. Milliseconds. */
const FIRST_PAUSE = 15;
const LONGEST_PAUSE = 200;

/** What the attempts so far tell. */
interface Attempts {
  /** One of them may have been carried out, although its answer was lost. */
  mayBeDone: boolean;
  last: unknown;
}

const NONE: Readonly<Attempts> = { mayBeDone: false, last: undefined };

/**
 * Repeats `call` until it succeeds, fails for good, or the operation's deadline passes.
 * @throws OutcomeUnknownError if an attempt may have been carried out and its answer was lost
 * @throws AuthorityUnavailableError if certainly nothing was done
 */
export async function retried<T>(operation: Operation, what: () => string, call: () => Promise<T>): Promise<T> {
  operation.unheard = false;
  if (operation.expired || operation.cancelled) throw failure(operation, what, NONE, late());
  try {
    const value = await call();
    // Nearly every operation ends here.
    operation.sending = false;
    return value;
  } catch (error) {
    return retriedAfter(error, operation, what, call);
  }
}

/** From the second attempt on. */
async function retriedAfter<T>(
  first: unknown,
  operation: Operation,
  what: () => string,
  call: () => Promise<T>,
): Promise<T> {
  const attempts: Attempts = { mayBeDone: false, last: undefined };
  note(operation, attempts, first);
  // p-retry looks at the signal once more after a success: what was done is not to be called undone then.
  let done: { readonly value: T } | undefined;
  try {
    return await pRetry(
      async (attempt) => {
        if (attempt === 1) throw first;
        if (operation.expired) throw late();
        try {
          const value = await call();
          operation.sending = false;
          done = { value };
          return value;
        } catch (error) {
          note(operation, attempts, error);
          throw error;
        }
      },
      {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_PAUSE,
        maxTimeout: LONGEST_PAUSE,
        factor: 2,
        randomize: true,
        ...(operation.cancel ? { signal: operation.cancel } : {}),
        shouldRetry: ({ error }) => (error instanceof FencedError || isTransient(error)) && !operation.expired,
      },
    );
  } catch (error) {
    if (done) return done.value;
    throw failure(operation, what, attempts, error);
  }
}

function late(): StoreTimeoutError {
  return new StoreTimeoutError("the deadline passed before the next attempt");
}

/** After a failed attempt. */
function note(operation: Operation, attempts: Attempts, error: unknown): void {
  attempts.last = error;
  if (operation.sending && !(error instanceof FencedError) && !provesNothingDone(error)) {
    attempts.mayBeDone = true;
    // Any other error is the store's word on this attempt. It says nothing of one before it that is still under way.
    operation.unheard ||= isTransient(error);
    operation.everUnheard ||= operation.unheard;
  }
  operation.sending = false;
}

/** What the caller is told of an operation that ended with `error`. */
function failure(
  operation: Operation,
  what: () => string,
  { mayBeDone, last }: Readonly<Attempts>,
  error: unknown,
): unknown {
  if (!operation.expired && !operation.cancelled && !operation.unheard) return error;
  const options = { cause: last ?? error, operationId: operation.id };
  if (mayBeDone || operation.uncertain) return outcomeUnknown(what(), options);
  if (operation.cancelled)
    return new DeadlineExceededError(`${what()} was cancelled by its signal; nothing was applied.`, options);
  if (last === undefined)
    return new DeadlineExceededError(`${what()} found no time before its deadline; nothing was applied.`, options);
  return new AuthorityUnavailableError(
    `${what()} could not reach the authority before its deadline; nothing was applied. Retry it when the store is back. (${describe(last)})`,
    options,
  );
}

export function outcomeUnknown(
  what: string,
  options: { readonly operationId: string; readonly cause?: unknown },
): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `${what} was sent but not answered in time, so whether it was applied is unknown. Repeat it with operationId "${options.operationId}": it is applied at most once.`,
    options,
  );
}
