/** The in-memory stores keep the contract. */
import { MemoryPostgres } from "../memory/memory-postgres.js";
import { MemoryRedis } from "../memory/memory-redis.js";
import { MemoryPostgresServer } from "../memory/postgres-server.js";
import { MemoryRedisServer } from "../memory/redis-server.js";
import { behindGuard } from "./behind-guard.js";
import { items } from "./contract-collections.js";
import type { MakeOptions } from "./contract-harness.js";
import { describePostgresContract } from "./postgres-contract.js";
import { describeRedisContract, type RedisHarness } from "./redis-contract.js";
import { describeStoreContract } from "./store-contract.js";

function controlledClock() {
  let now = Date.UTC(2026, 10, 20);
  const advance = (ms: number) => {
    now += ms;
  };
  return { clock: () => now, advance };
}

async function memoryPostgres({ logLimit }: MakeOptions = {}) {
  const { clock, advance } = controlledClock();
  const store = new MemoryPostgres(new MemoryPostgresServer({ clock }), { logLimit });
  return { store, advance, close: () => store.close() };
}

async function memoryRedis({ logLimit }: MakeOptions = {}): Promise<RedisHarness> {
  const { clock, advance } = controlledClock();
  const server = new MemoryRedisServer({ clock });
  const store = new MemoryRedis(server, { logLimit });
  return {
    store,
    advance,
    markIndexed: () => store.setIndexed(items),
    close: () => store.close(),
    bypass: {
      get: async (key) => {
        const entry = server.get(key);
        return entry && Buffer.isBuffer(entry.value) ? { bytes: entry.value, expiresAt: entry.expiresAt } : null;
      },
      set: async (key, bytes, expiresAt) => server.bypassSet(key, bytes, expiresAt),
      del: async (key) => server.bypassDel(key),
      incr: async (key, by) => void server.bypassIncr(key, by),
      expire: async (key, expiresAt) => server.bypassExpire(key, expiresAt),
      addMember: async (key, member) => server.bypassAddMember(key, member),
      members: async (key) => server.members(key),
      ttl: async (key) => {
        const expiresAt = server.get(key)?.expiresAt ?? null;
        return expiresAt === null ? null : expiresAt - server.now();
      },
      flush: async () => server.flush(),
      restart: async () => server.restore(server.snapshot()),
    },
  };
}

describeStoreContract("MemoryRedis", memoryRedis);
describeRedisContract("MemoryRedis", memoryRedis);
describeStoreContract("MemoryPostgres", memoryPostgres);
describePostgresContract("MemoryPostgres", memoryPostgres);
describeStoreContract("MemoryRedis, its calls gathered", async (options) => {
  const harness = await memoryRedis(options);
  return { ...harness, store: behindGuard(harness.store) };
});
describeStoreContract("MemoryPostgres, its calls gathered", async (options) => {
  const harness = await memoryPostgres(options);
  return { ...harness, store: behindGuard(harness.store) };
});
