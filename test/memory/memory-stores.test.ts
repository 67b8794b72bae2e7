/** What the explorer of interleavings relies on: steps, shared servers, clocks and ways to lose a memory. */
import { describe, expect, test } from "vitest";
import { item, items } from "../contract/contract-collections.js";
import { completeWrite, operation } from "../contract/contract-harness.js";
import { MemoryPostgres } from "./memory-postgres.js";
import { MemoryRedis } from "./memory-redis.js";
import type { MemoryStoreOptions } from "./memory-store.js";
import { MemoryPostgresServer } from "./postgres-server.js";
import { MemoryRedisServer } from "./redis-server.js";

const stores = [
  ["MemoryRedis", (options?: MemoryStoreOptions) => new MemoryRedis(new MemoryRedisServer(), options)],
  ["MemoryPostgres", (options?: MemoryStoreOptions) => new MemoryPostgres(new MemoryPostgresServer(), options)],
] as const;

const authority = { term: 1, role: "authority", complete: true } as const;

describe.each(stores)("a step of %s", (_name, make) => {
  test("that fails on the way there has no effect", async () => {
    let failing = false;
    const store = make({
      step: async (name) => {
        if (failing && name.endsWith(":call")) throw new Error("never sent");
      },
    });
    await store.createFence(authority);
    failing = true;
    await expect(store.writeRecords(items, 1, [completeWrite({ id: "a" })])).rejects.toThrow("never sent");
    failing = false;
    expect((await store.readRecords(items, ["a"])).held).toEqual([{ kind: "absent" }]);
  });

  test("that fails on the way back had its effect, which its operation id tells", async () => {
    let failing = false;
    const store = make({
      step: async (name) => {
        if (failing && name.endsWith(":answer")) throw new Error("answer lost");
      },
    });
    await store.createFence(authority);
    const write = completeWrite({ id: "a", operationId: operation() });
    failing = true;
    await expect(store.writeRecords(items, 1, [write])).rejects.toThrow("answer lost");
    failing = false;
    expect(await store.writeRecords(items, 1, [write])).toMatchObject({ results: [{ kind: "repeated" }] });
  });

  test("is named for its store and method, before and after", async () => {
    const names: string[] = [];
    const store = make({ step: async (name) => void names.push(name) });
    await store.now();
    expect(names).toEqual([`${store.name}.now:call`, `${store.name}.now:answer`]);
  });

  test("happens at one moment, between those of others", async () => {
    const release: (() => void)[] = [];
    const slow = make({
      step: (name) =>
        name.includes("writeRecords:call") ? new Promise<void>((resolve) => release.push(resolve)) : Promise.resolve(),
    });
    await slow.createFence(authority);
    const writing = slow.writeRecords(items, 1, [completeWrite({ id: "a" })]);
    await slow.closeFence(1);
    release[0]?.();
    expect(await writing).toMatchObject({ fenced: true, fence: { role: "closed" } });
  });
});

describe("processes of one server", () => {
  test("see each other's writes", async () => {
    const server = new MemoryRedisServer();
    const [one, two] = [new MemoryRedis(server), new MemoryRedis(server)];
    await one.createFence(authority);
    await two.writeRecords(items, 1, [completeWrite({ id: "a" })]);
    expect((await one.readRecords(items, ["a"])).held).toMatchObject([{ kind: "value" }]);
    await one.close();
    await expect(one.now()).rejects.toThrow("closed");
    expect((await two.readRecords(items, ["a"])).held).toMatchObject([{ kind: "value" }]);
  });
});

describe("a server's clock", () => {
  test("is its own, however far from the others'", async () => {
    const clock = () => 1_000_000.7;
    const redis = new MemoryRedis(new MemoryRedisServer({ clock }));
    const postgres = new MemoryPostgres(new MemoryPostgresServer({ clock, clockOffsetMs: -250 }));
    expect([await redis.now(), await postgres.now()]).toEqual([1_000_000, 999_750]);
  });
});

describe("a snapshot of a MemoryRedisServer", () => {
  async function written() {
    const server = new MemoryRedisServer();
    const store = new MemoryRedis(server);
    await store.createFence(authority);
    await store.writeRecords(items, 1, [completeWrite({ id: "kept", bytes: item("red") })]);
    return { server, store };
  }

  test("brings back what stood then and loses what came after, under another run id", async () => {
    const { server, store } = await written();
    const [run, snapshot] = [server.runId, server.snapshot()];
    await store.writeRecords(items, 1, [
      completeWrite({ id: "kept", bytes: item("blue") }),
      completeWrite({ id: "lost" }),
    ]);
    server.restore(snapshot);
    expect(server.runId).not.toBe(run);
    expect(await store.memoryLost()).toBe("some");
    const { held } = await store.readRecords(items, ["kept", "lost"]);
    expect(held).toMatchObject([{ kind: "value", bytes: item("red") }, { kind: "absent" }]);
    expect(await store.readLog(items, 10)).toHaveLength(1);
  });

  test("can be restored more than once", async () => {
    const { server, store } = await written();
    const snapshot = server.snapshot();
    for (let n = 0; n < 2; n++) {
      server.bypassSet(items.redisKey("kept"), item("blue"));
      server.bypassSet(items.redisKey("other"), item("blue"));
      server.restore(snapshot);
      const { held } = await store.readRecords(items, ["kept", "other"]);
      expect(held).toMatchObject([{ kind: "value", bytes: item("red") }, { kind: "absent" }]);
    }
  });

  test("isn't needed for a restart that keeps everything", async () => {
    const { server, store } = await written();
    server.restart();
    expect(await store.memoryLost()).toBe("some");
    expect((await store.readRecords(items, ["kept"])).held).toMatchObject([{ kind: "value" }]);
    server.flush();
    expect(await store.memoryLost()).toBe("all");
    expect((await store.readRecords(items, ["kept"])).held).toEqual([{ kind: "absent" }]);
  });
});

describe("a companion in a MemoryRedisServer", () => {
  test("of a tombstone goes by the retention after the mirror confirmed it", async () => {
    let now = 1_000_000;
    const server = new MemoryRedisServer({ clock: () => now });
    const store = new MemoryRedis(server);
    await store.createFence(authority);
    await store.writeRecords(items, 1, [completeWrite({ id: "a", bytes: null })]);
    now += 30 * 86_400_000;
    expect((await store.readRecords(items, ["a"])).held).toMatchObject([{ kind: "tombstone" }]);
    await store.clearLog(items, await store.readLog(items, 10));
    now += 13 * 86_400_000;
    expect((await store.readRecords(items, ["a"])).held).toMatchObject([{ kind: "tombstone" }]);
    now += 2 * 86_400_000;
    expect((await store.readRecords(items, ["a"])).held).toEqual([{ kind: "absent" }]);
  });
});
