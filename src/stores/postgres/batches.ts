/** Takes the items of a call through projection and one statement, and gives their results in the call's order. */
import type { Fenced } from "../store.js";
import { afterWriting } from "./errors.js";
import { isolate } from "./isolate.js";
import { groupByColumns } from "./statements/typed-columns.js";
import type { Cell } from "./table-layout.js";

/**
 * `prepare` may throw for a value that isn't what the collection allows: that item is rejected, the others go on. Items that
 * leave different columns to the database's defaults need different statements; that is rare.
 */
export async function inBatches<Item, Prepared extends { readonly cells: readonly Cell[] }, Result>(
  items: readonly Item[],
  prepare: (item: Item) => Prepared,
  step: (batch: readonly Prepared[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
): Promise<Fenced<Result>> {
  const results = new Array<Result>(items.length);
  const places = new Map<Prepared, number>();
  for (const [place, item] of items.entries()) {
    try {
      places.set(prepare(item), place);
    } catch (error) {
      results[place] = reject((error as Error).message);
    }
  }
  for (const [turn, batch] of groupByColumns([...places.keys()]).entries()) {
    const run = () => isolate(batch, step, reject);
    const answer = await (turn === 0 ? run() : afterWriting(run));
    if (answer.fenced) return answer;
    for (const [index, prepared] of batch.entries())
      results[places.get(prepared) as number] = answer.results[index] as Result;
  }
  return { fenced: false, results };
}
