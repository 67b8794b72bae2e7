/** Counter operations on Redis: keys and arguments in, port results out. */
import type { CounterCollection } from "../collection.js";
import type { CounterState } from "../state.js";
import type { ApplyResult, CounterAdd, CounterAddResult, Fence, Fenced, HeldCounter } from "../store.js";
import { keysOf, logKeys } from "./keys.js";
import { type Adopt, inspect, type RedisContext, stepArguments } from "./redis-context.js";
import { addResult, applyResult, fenced, heldCounter } from "./replies.js";

export async function inspectCounters(
  context: RedisContext,
  collection: CounterCollection,
  ids: readonly string[],
  adopt?: Adopt,
): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
  const { fence, rows } = await inspect(context, "dwInspectCounters", collection, ids, adopt);
  return { fence, held: rows.map(heldCounter) };
}

export async function addToCounters(
  context: RedisContext,
  collection: CounterCollection,
  term: number,
  adds: readonly CounterAdd[],
): Promise<Fenced<CounterAddResult>> {
  const keys = logKeys(collection.name);
  const args = stepArguments(context, collection, term, adds.length);
  for (const add of adds) {
    keys.push(...keysOf(collection, add.id));
    args.push(add.id, add.by, add.operationId, add.ttlMs ?? "-", add.renew ? 1 : 0, add.compared ? 1 : 0);
  }
  return fenced(await context.connection.script("dwAddToCounters", keys, args), collection.name, addResult);
}

export async function applyCounters(
  context: RedisContext,
  collection: CounterCollection,
  term: number,
  states: readonly { readonly id: string; readonly state: CounterState }[],
): Promise<Fenced<ApplyResult>> {
  const keys = logKeys(collection.name);
  const args = stepArguments(context, collection, term, states.length);
  for (const { id, state } of states) {
    keys.push(...keysOf(collection, id));
    args.push(
      id,
      state.generation,
      state.redisPart,
      state.postgresPart,
      state.stamp,
      state.expiresAt ?? "-",
      state.operations.length > 0 ? state.operations.join(",") : "-",
    );
  }
  return fenced(await context.connection.script("dwApplyCounters", keys, args), collection.name, applyResult);
}
