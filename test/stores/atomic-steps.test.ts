/** What a lost answer or a wrong clock of the process can't change in a step of either store. */
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { applySchema } from "../../src/schema/migrate.js";
import { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import type { HeldRecord, Store } from "../../src/stores/store.js";
import { CONTRACT_TABLES, counts, item, items } from "../contract/contract-collections.js";
import { completeAdd, completeWrite, recordState } from "../contract/contract-harness.js";
import type { RedisServer } from "../servers/redis-server.js";
import { startProxy, type TcpProxy } from "../servers/tcp-proxy.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";

const HOUR_MS = 3_600_000;

let redis: RedisServer;
let database: FreshDatabase;
let sql: postgres.Sql;
let client: Redis;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  [redis, database] = await Promise.all([freshRedis(), freshDatabase()]);
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  await applySchema(sql);
  for (const statement of CONTRACT_TABLES) await sql.unsafe(statement);
  client = new Redis(redis.url);
});
beforeEach(async () => {
  await client.flushall();
  await sql`TRUNCATE contract_items, contract_counts, dual_write_fence, dual_write_log`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  client?.disconnect();
  await sql?.end({ timeout: 1 });
  await Promise.allSettled([redis?.stop(), database?.drop()]);
});

/** The store through the proxy, and the same server without it. */
interface Pair {
  readonly store: Store;
  readonly direct: Store;
  readonly proxy: TcpProxy;
}

const opened = {
  RedisStore: async () => open(redis.url, (url) => RedisStore.connect({ redis: url })),
  PostgresStore: async () => open(database.url, (url) => PostgresStore.connect({ postgres: url, max: 1 })),
};

async function open(targetUrl: string, connect: (url: string) => Promise<Store>): Promise<Pair> {
  const proxy = await startProxy({ targetUrl });
  const [store, direct] = await Promise.all([connect(proxy.url), connect(targetUrl)]);
  ends.push(async () => {
    await Promise.allSettled([store.close(), direct.close()]);
    await proxy.stop();
  });
  return { store, direct, proxy };
}

async function look(store: Store, id: string): Promise<HeldRecord> {
  return (await store.inspectRecords(items, [id])).held[0] as HeldRecord;
}

describe.each(["RedisStore", "PostgresStore"] as const)("%s", (name) => {
  test("a write whose answer never came has its repair-log entry, and so has a count", async () => {
    const { store, direct, proxy } = await opened[name]();
    await direct.createFence({ term: 1, role: "authority", complete: true });
    // What a driver prepares before the first use takes an answer.
    await store.writeRecords(items, 1, [completeWrite({ id: "warm" })]);
    await store.addToCounters(counts, 1, [completeAdd({ id: "warm" })]);

    await proxy.setMode("swallow-answers");
    store.writeRecords(items, 1, [completeWrite({ id: "unheard" })]).catch(() => {});
    const written = await waitFor(async () => {
      const held = await look(direct, "unheard");
      return held.kind === "value" ? held : null;
    });
    expect((await direct.readLog(items, 10)).find(({ id }) => id === "unheard")?.stamp).toBe(written?.stamp);

    await proxy.setMode("pass");
    await waitFor(() => store.now());
    await store.addToCounters(counts, 1, [completeAdd({ id: "warm" })]);
    await proxy.setMode("swallow-answers");
    store.addToCounters(counts, 1, [completeAdd({ id: "unheard" })]).catch(() => {});
    const counted = await waitFor(async () => {
      const held = (await direct.inspectCounters(counts, ["unheard"])).held[0];
      return held?.kind === "value" ? held : null;
    });
    expect((await direct.readLog(counts, 10)).find(({ id }) => id === "unheard")?.stamp).toBe(counted?.stamp);
  });

  test("stamps by the server's clock, whatever the process's clock says", async () => {
    const { store } = await opened[name]();
    await store.createFence({ term: 1, role: "authority", complete: true });
    const before = await store.now();
    ahead();
    const answer = await store.writeRecords(items, 1, [completeWrite({ id: "stamped" })]);
    const counted = await store.addToCounters(counts, 1, [completeAdd({ id: "stamped" })]);
    const after = await store.now();
    const stampOf = (one: unknown) => (one as { results: { state: { stamp: number } }[] }).results[0]?.state.stamp;
    for (const stamp of [stampOf(answer), stampOf(counted)]) {
      expect(stamp).toBeGreaterThanOrEqual(before * 1000);
      expect(stamp).toBeLessThanOrEqual((after + 1) * 1000);
    }
  });

  test("takes an expiry as a moment, whatever the process's clock says", async () => {
    const { store } = await opened[name]();
    await store.createFence({ term: 1, role: "authority", complete: true });
    const expiresAt = (await store.now()) + 2 * HOUR_MS;
    ahead();
    await store.writeRecords(items, 1, [completeWrite({ id: "written", expiresAt })]);
    expect(await look(store, "written")).toMatchObject({ kind: "value", expiresAt });
    // As a mirror of the next term.
    await store.applyRecords(items, 2, [
      { id: "told", state: recordState({ stamp: 1000, expiresAt, bytes: item("blue") }) },
    ]);
    expect(await look(store, "told")).toMatchObject({ kind: "value", expiresAt });
  });
});

/** The process's clock is an hour ahead until the test ends. */
function ahead(): void {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() + HOUR_MS);
}
