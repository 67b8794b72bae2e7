/** Counter operations on Redis: keys and arguments in, port results out. */
import type { CounterCollection } from "../collection.js";
import type { CounterState } from "../state.js";
import type { ApplyResult, CounterAdd, CounterAddResult, Fence, Fenced, HeldCounter } from "../store.js";
import { companionKey, controlKeys } from "./keys.js";
import { type Adopt, type RedisContext, validFence } from "./redis-context.js";
import { addResult, applyResult, fenced, heldCounter } from "./replies.js";

function keysOf(collection: CounterCollection, ids: readonly string[]): string[] {
  const keys = [controlKeys.fence, controlKeys.log(collection.name), controlKeys.overflow(collection.name)];
  for (const id of ids) {
    const key = collection.redisKey(id);
    keys.push(key, companionKey(key));
  }
  return keys;
}

export async function inspectCounters(
  context: RedisContext,
  collection: CounterCollection,
  ids: readonly string[],
  adopt?: Adopt,
): Promise<{ fence: Fence | null; held: HeldCounter[] }> {
  const args = [
    context.connection.runId,
    collection.name,
    context.logLimit,
    ids.length,
    adopt?.mode ?? "none",
    adopt?.term ?? 0,
    ...ids,
  ];
  const reply = await context.connection.script("dwInspectCounters", keysOf(collection, ids), args);
  const [fence, rows] = reply as [Buffer, Buffer[][]];
  return { fence: validFence(context, fence.toString() || null, collection.name), held: rows.map(heldCounter) };
}

export async function addToCounters(
  context: RedisContext,
  collection: CounterCollection,
  term: number,
  adds: readonly CounterAdd[],
): Promise<Fenced<CounterAddResult>> {
  const args: (string | number)[] = [term, context.connection.runId, collection.name, context.logLimit, adds.length];
  for (const add of adds) {
    args.push(add.id, add.by, add.operationId, add.ttlMs ?? "-", add.renew ? 1 : 0, add.compared ? 1 : 0);
  }
  const keys = keysOf(
    collection,
    adds.map((add) => add.id),
  );
  return fenced(await context.connection.script("dwAddToCounters", keys, args), collection.name, addResult);
}

export async function applyCounters(
  context: RedisContext,
  collection: CounterCollection,
  term: number,
  states: readonly { readonly id: string; readonly state: CounterState }[],
): Promise<Fenced<ApplyResult>> {
  const args: (string | number)[] = [term, context.connection.runId, collection.name, context.logLimit, states.length];
  for (const { id, state } of states) {
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
  const keys = keysOf(
    collection,
    states.map(({ id }) => id),
  );
  return fenced(await context.connection.script("dwApplyCounters", keys, args), collection.name, applyResult);
}
