/** A sample of a keyspace: SCAN follows the hash of the keys, so its first keys are as good as any. */
import type { Redis } from "ioredis";

const PAGE = 1000;
const LENGTHS_AT_ONCE = 500;

export async function sampleKeys(client: Redis, atMost: number): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = "0";
  do {
    const [next, page] = await client.scan(cursor, "COUNT", PAGE);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== "0" && keys.size < atMost);
  return [...keys];
}

/** Bytes of the values of strings; what is no string has none. */
export async function valueLengths(client: Redis, keys: readonly string[]): Promise<number[]> {
  const lengths: number[] = [];
  for (let from = 0; from < keys.length; from += LENGTHS_AT_ONCE) {
    const asking = client.pipeline();
    for (const key of keys.slice(from, from + LENGTHS_AT_ONCE)) asking.strlen(key);
    for (const [error, length] of (await asking.exec()) ?? []) if (!error) lengths.push(Number(length));
  }
  return lengths;
}
