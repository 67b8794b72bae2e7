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
  const prepared: Prepared[] = [];
  try {
    for (const item of items) prepared.push(prepare(item));
  } catch {
    return withoutUnsound(items, prepare, step, reject, unitOf);
  }
  return inGroups(items, prepared, step, reject, unitOf);
}

/** Some item can't be prepared: its unit is rejected, the others go on. */
async function withoutUnsound<Item, Prepared extends { readonly cells: readonly Cell[] }, Result>(
  items: readonly Item[],
  prepare: (item: Item) => Prepared,
  step: (batch: readonly Prepared[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
  unitOf: (item: Item) => unknown,
): Promise<Fenced<Result>> {
  const prepared: (Prepared | undefined)[] = [];
  const refused = new Map<unknown, string>();
  for (const item of items) {
    try {
      prepared.push(prepare(item));
    } catch (error) {
      prepared.push(undefined);
      refused.set(unitOf(item), (error as Error).message);
    }
  }
  const sound = items.flatMap((item, place) => (refused.has(unitOf(item)) ? [] : [place]));
  const answer = await inGroups(
    sound.map((place) => items[place] as Item),
    sound.map((place) => prepared[place] as Prepared),
    step,
    reject,
    unitOf,
  );
  if (answer.fenced) return answer;
  const results = items.map((item) => reject(refused.get(unitOf(item)) ?? ""));
  for (const [index, place] of sound.entries()) results[place] = answer.results[index] as Result;
  return { fenced: false, results };
}

/** A statement for each set of columns that items leave to the database. */
async function inGroups<Item, Prepared extends { readonly cells: readonly Cell[] }, Result>(
  items: readonly Item[],
  prepared: readonly Prepared[],
  step: (batch: readonly Prepared[]) => Promise<Fenced<Result>>,
  reject: (reason: string) => Result,
  unitOf: (item: Item) => unknown,
): Promise<Fenced<Result>> {
  if (prepared.length === 0) return { fenced: false, results: [] };
  const places = new Map<Prepared, number>();
  for (const [place, one] of prepared.entries()) places.set(one, place);
  const unit = (one: Prepared) => unitOf(items[places.get(one) as number] as Item);
  const groups = groupByColumns(prepared);
  if (groups.length === 1) return isolate(prepared, step, reject, unit);
  const results = new Array<Result>(items.length);
  for (const [turn, batch] of groups.entries()) {
    const run = () => isolate(batch, step, reject, unit);
    const answer = await (turn === 0 ? run() : afterWriting(run));
    if (answer.fenced) return answer;
    for (const [index, one] of batch.entries()) results[places.get(one) as number] = answer.results[index] as Result;
  }
  return { fenced: false, results };
}
