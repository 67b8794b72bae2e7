/** Keeps one record that the database refuses from stopping the others of its batch. */
import type { Fenced } from "../store.js";
import { afterWriting, isUniqueViolation, refusalReason } from "./errors.js";

/** How often a record is tried that another unique column refuses. */
const UNIQUE_ATTEMPTS = 3;

/**
 * Runs one atomic step on all items. If the database refuses the data of one, the batch is halved until that one is alone:
 * `reject` then says what became of it. What was done in other halves stays done; it would be again by a repetition.
 *
 * ON CONFLICT settles a race for one unique column only: of two first writes of the same record at once, one meets the other's
 * values in the table's second unique index. Once it has failed the other is committed, so that a new attempt updates.
 */
export async function isolate<Item, Result>(
  items: readonly Item[],
  step: (items: readonly Item[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
  attempt = 1,
): Promise<Fenced<Result>> {
  try {
    return await step(items);
  } catch (error) {
    const reason = refusalReason(error);
    if (reason === null) throw error;
    if (items.length === 1) {
      if (isUniqueViolation(error) && attempt < UNIQUE_ATTEMPTS) return isolate(items, step, reject, attempt + 1);
      return { fenced: false, results: [reject(reason)] };
    }
  }
  const middle = Math.ceil(items.length / 2);
  const first = await isolate(items.slice(0, middle), step, reject);
  if (first.fenced) return first;
  const second = await afterWriting(() => isolate(items.slice(middle), step, reject));
  return second.fenced ? second : { fenced: false, results: [...first.results, ...second.results] };
}
