/** Dumps come in groups of a bounded size, whatever stands under the keys. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dumpKeys, restoreDumps } from "../../../src/stores/redis/key-dumps.js";
import type { RedisServer } from "../../servers/redis-server.js";
import { freshRedis } from "../../support/databases.js";

const MIB = 2 ** 20;
let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await freshRedis({ args: ["--rdbcompression", "no"] });
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

async function groupsOf(client: Redis, keys: readonly string[]): Promise<[string, number][][]> {
  const groups: [string, number][][] = [];
  for await (const dumps of dumpKeys(
    client,
    keys.map((key) => Buffer.from(key)),
  ))
    groups.push(dumps.map(({ key, dump }) => [key.toString(), dump.length]));
  return groups;
}

test("great values come a few at a time, or alone; small ones together; each once", async () => {
  const names = Array.from({ length: 120 }, (_, n) => `key:${n}`);
  for (const [n, name] of names.entries())
    await redis.set(name, Buffer.alloc(n === 77 ? 9 * MIB : n >= 20 && n < 30 ? 1.5 * MIB : 100, n));
  const groups = await groupsOf(redis, ["gone", ...names]);
  expect(groups.flat().map(([name]) => name)).toEqual(names);
  const sizes = groups.map((group) => group.reduce((sum, [, size]) => sum + size, 0));
  for (const [i, size] of sizes.entries()) if ((groups[i]?.length ?? 0) > 1) expect(size).toBeLessThanOrEqual(4 * MIB);
  expect(groups.filter((group) => group.length === 1).map(([one]) => one?.[0])).toContain("key:77");
  expect(groups.length).toBeLessThan(15);
});

test("where the server doesn't tell sizes, they come all the same", async () => {
  await redis.set("a", "1");
  await redis.acl("SETUSER", "keeper", "on", ">word", "~*", "+@all", "-memory");
  const keeper = new Redis(server.url, { username: "keeper", password: "word" });
  expect((await groupsOf(keeper, ["a"])).flat()).toEqual([["a", expect.any(Number)]]);
  keeper.disconnect();
});

test("are written back small ones together and great ones alone, and each that is refused is told", async () => {
  const keys = ["small", "great"].map((name) => Buffer.from(name));
  await redis.set("small", "1", "EX", 1000);
  await redis.set("great", Buffer.alloc(3 * MIB, 7));
  const dumps = [];
  for await (const group of dumpKeys(redis, keys)) dumps.push(...group);
  await redis.del("small", "great");
  const cut = dumps.map((one) => ({ ...one, key: Buffer.from(`cut ${one.key}`), dump: one.dump.subarray(0, -1) }));
  const refused = await restoreDumps(redis, [...dumps, ...cut]);
  expect(refused.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringMatching(/checksum/)));
  expect((await redis.keys("*")).sort()).toEqual(expect.arrayContaining(["great", "small"]));
  expect([await redis.strlen("great"), await redis.exists("cut small", "cut great")]).toEqual([3 * MIB, 0]);
});
