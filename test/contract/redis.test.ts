/** RedisStore keeps the contract on a real server. */
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import type { RedisServer } from "../servers/redis-server.js";
import { freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";
import { behindGuard } from "./behind-guard.js";
import { items } from "./contract-collections.js";
import type { MakeOptions } from "./contract-harness.js";
import { describeRedisContract, type RedisHarness } from "./redis-contract.js";
import { describeStoreContract } from "./store-contract.js";

let server: RedisServer;
let client: Redis;

beforeAll(async () => {
  server = await freshRedis({ appendonly: true });
  client = new Redis(server.url);
  // While the server restarts it is refused.
  client.on("error", () => {});
});

afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});

async function redisStore({ logLimit }: MakeOptions = {}): Promise<RedisHarness> {
  await client.flushall();
  const store = await RedisStore.connect({ redis: server.url, logLimit });
  return {
    store: behindGuard(store),
    markIndexed: () => store.setIndexed(items),
    close: () => store.close(),
    bypass: {
      get: async (key) => {
        const bytes = await client.getBuffer(key);
        const expiresAt = await client.pexpiretime(key);
        return bytes && { bytes, expiresAt: expiresAt < 0 ? null : expiresAt };
      },
      set: async (key, bytes, expiresAt) =>
        void (expiresAt === undefined ? await client.set(key, bytes) : await client.set(key, bytes, "PXAT", expiresAt)),
      del: async (key) => void (await client.del(key)),
      incr: async (key, by = 1) => void (await client.incrby(key, by)),
      expire: async (key, expiresAt) =>
        void (expiresAt === null ? await client.persist(key) : await client.pexpireat(key, expiresAt)),
      addMember: async (key, member) => void (await client.sadd(key, member)),
      members: (key) => client.smembers(key),
      ttl: async (key) => {
        const left = await client.pttl(key);
        return left < 0 ? null : left;
      },
      flush: async () => void (await client.flushall()),
      restart: async () => {
        const run = store.connection.runId;
        await server.restart();
        await waitFor(() => store.connection.connected && store.connection.runId !== run, {
          what: "the store to reach the restarted server",
        });
        await waitFor(() => client.ping(), { what: "the bypass writer to reach the restarted server" });
      },
    },
  };
}

describeStoreContract("RedisStore", redisStore);
describeRedisContract("RedisStore", redisStore);
