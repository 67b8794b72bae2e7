/** A Redis client that only reads: of hashes that are written through it, it remembers what they would hold, and sends nothing. */
import type { Redis } from "ioredis";

const READS = ["scanBuffer", "dbsize", "type", "get", "getBuffer", "pttl", "options", "time"];

export function readOnlyClient(client: Redis): Redis {
  const hashes = new Map<string, Record<string, string>>();
  const hash = async (key: string): Promise<Record<string, string>> => {
    const known = hashes.get(key) ?? (await client.hgetall(key));
    hashes.set(key, known);
    return known;
  };
  const remembered: Record<string, (...args: never[]) => unknown> = {
    hgetall: async (key: string) => ({ ...(await hash(key)) }),
    hset: async (key: string, fields: Record<string, string>) => void Object.assign(await hash(key), fields),
    hsetnx: async (key: string, field: string, value: string) => {
      const fields = await hash(key);
      fields[field] ??= value;
    },
    hdel: async (key: string, ...fields: string[]) => {
      const held = await hash(key);
      for (const field of fields) delete held[field];
    },
    persist: async () => 0,
    pexpireat: async () => 0,
    // The usage statistics, read with the clock in one step.
    multi: () => ({ time: () => ({ hgetall: (key: string) => client.multi().time().hgetall(key) }) }),
  };
  return new Proxy(client, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(remembered, name)) return remembered[name];
      if (typeof name !== "string" || !READS.includes(name))
        throw new Error(`${String(name)} isn't among the commands that only read.`);
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
