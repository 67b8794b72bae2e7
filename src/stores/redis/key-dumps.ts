/** Keys as DUMP gives them and RESTORE takes them: any type, byte for byte, with the moment of expiry. */
import type { Redis } from "ioredis";

export interface KeyDump {
  readonly key: Buffer;
  /** Milliseconds since the epoch; null never. */
  readonly expiresAt: number | null;
  /** Names the server's data format and ends with a checksum, which RESTORE checks. */
  readonly dump: Buffer;
}

/** Keys asked for at once: one script-free pipeline, so that others' commands come between, and little stands in memory. */
const AT_ONCE = 50;
/** What they may take in Redis together; a greater one comes alone. Bytes. */
const BYTES_AT_ONCE = 4 << 20;

/** One step of SCAN; a key may come twice. `next` null: the end. */
export async function listKeys(
  client: Redis,
  cursor: string,
  count: number,
): Promise<{ next: string | null; keys: Buffer[] }> {
  const [next, keys] = await client.scanBuffer(cursor, "COUNT", count);
  const end = next.toString();
  return { next: end === "0" ? null : end, keys };
}

/** What stands under these keys, some at a time. */
export async function* dumpKeys(client: Redis, keys: readonly Buffer[]): AsyncGenerator<KeyDump[], void, undefined> {
  for (let from = 0; from < keys.length; from += AT_ONCE) {
    const some = keys.slice(from, from + AT_ONCE);
    for (const group of groups(some, await sizesOf(client, some))) yield dumpAtOnce(client, group);
  }
}

/** Bytes that each takes in Redis; 0 where it is gone, or the server refuses to tell. */
async function sizesOf(client: Redis, keys: readonly Buffer[]): Promise<number[]> {
  const asking = client.pipeline();
  for (const key of keys) asking.memory("USAGE", key);
  const replies = (await asking.exec()) as [Error | null, number | null][];
  return replies.map(([, size]) => size ?? 0);
}

function* groups(keys: readonly Buffer[], sizes: readonly number[]): Generator<Buffer[], void, undefined> {
  let group: Buffer[] = [];
  let bytes = 0;
  for (const [i, key] of keys.entries()) {
    const size = sizes[i] ?? 0;
    if (group.length > 0 && bytes + size > BYTES_AT_ONCE) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(key);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

async function dumpAtOnce(client: Redis, keys: readonly Buffer[]): Promise<KeyDump[]> {
  const dumping = client.pipeline();
  for (const key of keys) dumping.dumpBuffer(key);
  const [dumps, expiries] = await Promise.all([dumping.exec(), expiriesOf(client, keys)]);
  return keys.flatMap((key, i) => {
    const [error, dump] = (dumps?.[i] ?? [null, null]) as [Error | null, Buffer | null];
    if (error) throw error;
    const expiresAt = expiries[i] as number | "gone" | null;
    // It expired or was deleted since it was listed.
    return dump === null || expiresAt === "gone" ? [] : [{ key, dump, expiresAt }];
  });
}

async function expiriesOf(client: Redis, keys: readonly Buffer[]): Promise<(number | "gone" | null)[]> {
  const exact = client.pipeline();
  for (const key of keys) exact.pexpiretime(key);
  const replies = (await exact.exec()) as [Error | null, number][];
  if (!replies[0]?.[0]) return replies.map(([error, at]) => given(error, at, at));
  // Redis 6 can only tell how long a key still has.
  const asked = client.pipeline().time();
  for (const key of keys) asked.pttl(key);
  const [[, time], ...lefts] = (await asked.exec()) as [[unknown, [string, string]], ...[Error | null, number][]];
  const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
  return lefts.map(([error, left]) => given(error, left, now + left));
}

function given(error: Error | null, told: number, at: number): number | "gone" | null {
  if (error) throw error;
  if (told === -2) return "gone";
  return told === -1 ? null : at;
}

/** Greater than this a dump goes by itself: a pipeline would copy it once more. Bytes. */
const ALONE = 1 << 20;

/** Writes them over whatever stands under their keys. Returns why keys were refused, each once. */
export async function restoreDumps(client: Redis, dumps: readonly KeyDump[]): Promise<Error[]> {
  const restoring = client.pipeline();
  for (const one of dumps) if (one.dump.length <= ALONE) restoring.restore(...restoreArguments(one));
  const replies = (await restoring.exec()) as [Error | null, unknown][];
  const refused = replies.flatMap(([error]) => (error ? [error] : []));
  for (const one of dumps) {
    if (one.dump.length <= ALONE) continue;
    await client.restore(...restoreArguments(one)).catch((error: Error) => {
      if (error.name !== "ReplyError") throw error;
      refused.push(error);
    });
  }
  return refused;
}

function restoreArguments({ key, expiresAt, dump }: KeyDump): [Buffer, number, Buffer, "REPLACE", "ABSTTL"] {
  return [key, expiresAt ?? 0, dump, "REPLACE", "ABSTTL"];
}
