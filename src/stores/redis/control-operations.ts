/** Repair log, fence, leases, paging and clock on Redis. */
import type { Collection } from "../collection.js";
import { type LastFence, type MemoryClaim, REFILL } from "../sides.js";
import type { Fence, Lease, LogEntry, LogStatus, Page } from "../store.js";
import { formatFence, parseFence, toPortFence } from "./fence.js";
import { companionKey, controlKeys, OWN_PREFIX } from "./keys.js";
import { type RedisContext, validFence } from "./redis-context.js";

export async function readLog(context: RedisContext, collection: Collection, limit: number): Promise<LogEntry[]> {
  const flat = await oldest(context, collection, limit);
  const entries: LogEntry[] = [];
  for (let i = 0; i < flat.length; i += 2) entries.push({ id: flat[i] as string, stamp: Number(flat[i + 1]) });
  return entries;
}

/** The first entries as member, score, member, score, … */
function oldest(context: RedisContext, collection: Collection, limit: number): Promise<string[]> {
  const log = controlKeys.log(collection.name);
  return context.connection.client.call("ZRANGE", log, "0", String(limit - 1), "WITHSCORES") as Promise<string[]>;
}

export async function clearLog(
  context: RedisContext,
  collection: Collection,
  entries: readonly LogEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const keys = [controlKeys.log(collection.name)];
  const deletes: number[] = [];
  for (const [i, { id, live }] of entries.entries()) {
    if (live || collection.kind === "counters") continue;
    keys.push(companionKey(collection.redisKey(id)));
    deletes.push(i + 1);
  }
  const [ids, stamps] = [entries.map(({ id }) => id), entries.map(({ stamp }) => stamp)];
  await context.connection.script("dwClearLog", keys, [entries.length, ...ids, ...stamps, ...deletes]);
}

export async function logStatus(context: RedisContext, collection: Collection): Promise<LogStatus> {
  const client = context.connection.client;
  const [entries, first, overflow, clock] = await Promise.all([
    client.zcard(controlKeys.log(collection.name)),
    oldest(context, collection, 1),
    client.exists(controlKeys.overflow(collection.name)),
    now(context),
  ]);
  const lagMs = first[1] === undefined ? 0 : Math.max(0, clock - Math.floor(Number(first[1]) / 1000));
  return { entries, lagMs, overflowed: overflow === 1 };
}

export async function loggedCollections({ connection: { client } }: RedisContext): Promise<string[]> {
  const names = await client.smembers(controlKeys.collections);
  const logged = await Promise.all(
    names.map((name) => client.exists(controlKeys.log(name), controlKeys.overflow(name))),
  );
  return names.filter((_, i) => (logged[i] as number) > 0);
}

export async function forgetOverflow(context: RedisContext, collection: Collection, mark: string): Promise<boolean> {
  return (await context.connection.script("dwForgetOverflow", [controlKeys.overflow(collection.name)], [mark])) === 1;
}

export async function readFence(context: RedisContext, collections?: readonly Collection[]): Promise<Fence | null> {
  const text = await context.connection.client.get(controlKeys.fence);
  return validFence(
    context,
    text,
    collections?.map(({ name }) => name),
  );
}

export async function createFence(context: RedisContext, fence: Fence): Promise<Fence> {
  const text = formatFence({
    term: fence.term,
    role: fence.role,
    runId: context.connection.runId,
    complete: fence.complete,
    exceptions: [],
    bareTrusted: false,
    agreed: fence.agreed ?? true,
  });
  return portFence(await context.connection.script("dwCreateFence", [controlKeys.fence], [text]));
}

export async function closeFence(context: RedisContext, term: number, intact: readonly Collection[]): Promise<boolean> {
  const marks = intact.map(({ name }) => controlKeys.overflow(name));
  const keys = [controlKeys.fence, ...marks];
  return (await context.connection.script("dwCloseFence", keys, [term, context.connection.runId])) === 1;
}

export async function openFence(context: RedisContext, term: number): Promise<boolean> {
  return (await context.connection.script("dwOpenFence", [controlKeys.fence], [term, context.connection.runId])) === 1;
}

export async function raiseFence(context: RedisContext, term: number): Promise<void> {
  await context.connection.script("dwRaiseFence", [controlKeys.fence], [term, context.connection.runId]);
}

export async function setComplete(
  context: RedisContext,
  collection: Collection | null,
  complete: boolean,
): Promise<void> {
  await context.connection.script(
    "dwSetComplete",
    [controlKeys.fence],
    [collection?.name ?? "*", complete ? 1 : 0, context.connection.runId],
  );
}

export async function memoryLost(context: RedisContext): Promise<"no" | "some" | "all"> {
  const runId = context.connection.runId;
  const fence = parseFence(await context.connection.client.get(controlKeys.fence));
  if (!fence) return "all";
  return fence.runId === runId ? "no" : "some";
}

export async function claimMemory(context: RedisContext, claim: MemoryClaim): Promise<Fence> {
  const { term, role, complete, agreed } = claim;
  const args = [term, role, context.connection.runId, complete ? 1 : 0, agreed ? 1 : 0];
  return portFence(await context.connection.script("dwClaimMemory", [controlKeys.fence, taskKey(REFILL)], args));
}

export async function lastFence(context: RedisContext): Promise<LastFence | null> {
  const fence = parseFence(await context.connection.client.get(controlKeys.fence));
  return fence && { term: fence.term, role: fence.role };
}

export async function setCompleteInTerm(
  context: RedisContext,
  collections: readonly Collection[],
  term: number,
  refiller: string,
): Promise<boolean> {
  const args = [collections.map(({ name }) => name).join(), 1, context.connection.runId, term, refiller];
  return (await context.connection.script("dwSetComplete", [controlKeys.fence, taskKey(REFILL)], args)) === 1;
}

/** A database that holds a handful of keys is looked at whole; a larger one holds more than the library's own. */
export async function isEmpty(context: RedisContext): Promise<boolean> {
  const client = context.connection.client;
  if ((await client.dbsize()) > 1000) return false;
  let cursor = "0";
  do {
    const page = await scanKeys(context, "*", cursor, 1000);
    if (page.keys.some((key) => !key.startsWith(OWN_PREFIX))) return false;
    cursor = page.cursor;
  } while (cursor !== "0");
  return true;
}

export async function claimTask(context: RedisContext, task: string, owner: string, ttlMs: number): Promise<boolean> {
  return (await context.connection.script("dwClaimTask", [taskKey(task)], [owner, ttlMs])) === 1;
}

export async function renewTask(context: RedisContext, task: string, owner: string, ttlMs: number): Promise<boolean> {
  return (await context.connection.script("dwRenewTask", [taskKey(task)], [owner, ttlMs])) === 1;
}

function taskKey(task: string): string {
  return `${OWN_PREFIX}task:${task}`;
}

function portFence(reply: unknown): Fence {
  const fence = parseFence((reply as Buffer).toString());
  if (!fence) throw new Error("The fence vanished while it was being set.");
  return toPortFence(fence);
}

/** `after` is SCAN's cursor; a page may be empty before the end, and a key may come twice if the keyspace is resized meanwhile. */
export async function pageIds<T>(
  context: RedisContext,
  collection: Collection,
  after: string | null,
  limit: number,
  read: (ids: string[]) => Promise<T[]>,
): Promise<Page<{ id: string; held: T }>> {
  const { cursor, keys } = await scanKeys(context, collection.pattern, after ?? "0", limit);
  const ids = [...new Set(keys.map((key) => collection.parseKey(key)).filter((id) => id !== null))];
  const held = ids.length > 0 ? await read(ids) : [];
  return { items: ids.map((id, i) => ({ id, held: held[i] as T })), next: cursor === "0" ? null : cursor };
}

export async function scanKeys(
  context: RedisContext,
  pattern: string,
  cursor: string,
  count: number,
): Promise<{ cursor: string; keys: string[] }> {
  const [next, keys] = await context.connection.client.scan(cursor, "MATCH", pattern, "COUNT", count);
  return { cursor: next, keys };
}

export async function putLease(context: RedisContext, lease: Lease, ttlMs: number): Promise<void> {
  const { client } = context.connection;
  const until = (await now(context)) + ttlMs;
  const { collections = [] } = lease;
  await Promise.all([
    client.hset(controlKeys.leases, lease.processId, JSON.stringify({ ...lease, until })),
    // Outlives the lease: what a log holds must be found when nobody who knows it lives.
    collections.length > 0 ? client.sadd(controlKeys.collections, ...collections) : null,
  ]);
}

export async function dropLease(context: RedisContext, processId: string): Promise<void> {
  await context.connection.client.hdel(controlKeys.leases, processId);
}

/** Live leases; the dead are removed on the way. */
export async function readLeases(context: RedisContext): Promise<Lease[]> {
  const [all, clock] = await Promise.all([context.connection.client.hgetall(controlKeys.leases), now(context)]);
  const live: Lease[] = [];
  const dead: string[] = [];
  for (const [processId, text] of Object.entries(all)) {
    const { until, ...lease } = JSON.parse(text) as Lease & { until: number };
    if (until > clock) live.push(lease);
    else dead.push(processId);
  }
  if (dead.length > 0) await context.connection.client.hdel(controlKeys.leases, ...dead);
  return live;
}

export async function now(context: RedisContext): Promise<number> {
  const [seconds, micros] = (await context.connection.client.time()) as [number | string, number | string];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
