/** Takes the items of a call through projection and one statement, and gives their results in the call's order. */
import type { Fenced } from "../store.js";
import { afterWriting } from "./errors.js";
import { isolate } from "./isolate.js";
import { groupByColumns } from "./statements/typed-columns.js";
import type { Cell } from "./table-layout.js";

/**
 * `prepare` may throw for a value that isn't what the collection allows: its unit is rejected, the others go on. Items that
 * leave different columns to the database's defaults need different statements; that is rare.
 */
export async function inBatches<Item, Prepared extends { readonly cells: readonly Cell[] }, Result>(
  items: readonly Item[],
  prepare: (item: Item) => Prepared,
  step: (batch: readonly Prepared[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
  unitOf: (item: Item) => unknown = (item) => item,
): Promise<Fenced<Result>> {
  const results = new Array<Result>(items.length);
  const prepared = new Map<Prepared, number>();
  const refused = new Map<unknown, string>();
  for (const [place, item] of items.entries()) {
    try {
      prepared.set(prepare(item), place);
    } catch (error) {
      refused.set(unitOf(item), (error as Error).message);
    }
  }
  for (const [place, item] of items.entries()) {
    const reason = refused.get(unitOf(item));
    if (reason !== undefined) results[place] = reject(reason);
  }
  const itemOf = (one: Prepared) => items[prepared.get(one) as number] as Item;
  const sound = [...prepared.keys()].filter((one) => !refused.has(unitOf(itemOf(one))));
  for (const [turn, batch] of groupByColumns(sound).entries()) {
    const run = () => isolate(batch, step, reject, (one) => unitOf(itemOf(one)));
    const answer = await (turn === 0 ? run() : afterWriting(run));
    if (answer.fenced) return answer;
    for (const [index, one] of batch.entries()) results[prepared.get(one) as number] = answer.results[index] as Result;
  }
  return { fenced: false, results };
}
