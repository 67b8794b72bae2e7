/** Keeps one record that the database refuses from stopping the others of its batch. */
import type { Fenced } from "../store.js";
import { afterWriting, isUniqueViolation, refusalReason } from "./errors.js";

/** How often a record is tried that another unique column refuses. */
const UNIQUE_ATTEMPTS = 3;

/**
 * Runs one atomic step on all items. If the database refuses the data of one, the batch is halved until that one is alone:
 * `reject` then says what became of it. What was done in other halves stays done; it would be again by a repetition. Items of one
 * `unit` stay together: they are done in one step or refused together.
 *
 * ON CONFLICT settles a race for one unique column only: of two first writes of the same record at once, one meets the other's
 * values in the table's second unique index. Once it has failed the other is committed, so that a new attempt updates.
 */
export async function isolate<Item, Result>(
  items: readonly Item[],
  step: (items: readonly Item[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
  unitOf: (item: Item) => unknown = (item) => item,
): Promise<Fenced<Result>> {
  try {
    return await step(items);
  } catch (error) {
    if (refusalReason(error) === null) throw error;
  }
  const places = new Map<unknown, number[]>();
  for (const [place, item] of items.entries()) {
    const unit = places.get(unitOf(item));
    if (unit) unit.push(place);
    else places.set(unitOf(item), [place]);
  }
  const results = new Array<Result>(items.length);
  const units = [...places.values()];
  const refusal = await run(units, 1);
  return refusal ?? { fenced: false, results };

  async function run(part: readonly number[][], attempt: number): Promise<Fenced<Result> | null> {
    const at = part.flat().sort((a, b) => a - b);
    try {
      const reply = await step(at.map((place) => items[place] as Item));
      if (reply.fenced) return reply;
      for (const [i, place] of at.entries()) results[place] = reply.results[i] as Result;
      return null;
    } catch (error) {
      const reason = refusalReason(error);
      if (reason === null) throw error;
      if (part.length === 1) {
        if (isUniqueViolation(error) && attempt < UNIQUE_ATTEMPTS) return run(part, attempt + 1);
        for (const place of at) results[place] = reject(reason);
        return null;
      }
    }
    const middle = Math.ceil(part.length / 2);
    return (await run(part.slice(0, middle), 1)) ?? afterWriting(() => run(part.slice(middle), 1));
  }
}
