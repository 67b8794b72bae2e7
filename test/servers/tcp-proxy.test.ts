/** Each way of the proxy to break a connection, seen through a real client and a real server. */
import { Redis, type RedisOptions } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";
import type { RedisServer } from "./redis-server.js";
import { startProxy, type TcpProxy } from "./tcp-proxy.js";

let server: RedisServer;
let proxy: TcpProxy;
let direct: Redis;
const clients: Redis[] = [];

function connectTo(url: string, options: RedisOptions = {}): Redis {
  const client = new Redis(url, { retryStrategy: () => null, enableReadyCheck: false, ...options });
  client.on("error", () => {});
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await freshRedis();
});

afterAll(async () => {
  await server?.stop();
});

beforeEach(async () => {
  proxy = await startProxy({ targetUrl: server.url });
  direct = connectTo(server.url);
  await direct.flushall();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await proxy.stop();
});

/** A client through the proxy whose connection is established. */
async function through(options?: RedisOptions): Promise<Redis> {
  const client = connectTo(proxy.url, options);
  await client.ping();
  return client;
}

describe("startProxy", () => {
  it("passes large values both ways unchanged", async () => {
    const client = await through();
    const value = "x".repeat(20_000_000);
    await client.set("large", value);
    expect((await client.get("large")) === value).toBe(true);
    expect(proxy.counts.requestBytes).toBeGreaterThan(20_000_000);
    expect(proxy.counts.answerBytes).toBeGreaterThan(20_000_000);
  });

  it("refuse: cuts open connections and refuses new ones, until it passes again", async () => {
    const client = await through();
    await proxy.setMode("refuse");
    await expect(client.get("key")).rejects.toThrow();
    await expect(through()).rejects.toThrow();
    await proxy.setMode("pass");
    expect(await (await through()).ping()).toBe("PONG");
  });

  it("blackhole: nothing passes and nothing fails, and what was held arrives afterwards", async () => {
    const client = await through();
    await proxy.setMode("blackhole");
    const { accepted } = proxy.counts;
    const late = client.set("key", "late");
    const newcomer = connectTo(proxy.url).get("key");
    await waitFor(() => proxy.counts.accepted > accepted);
    await direct.ping();
    expect(await direct.get("key")).toBeNull();
    await proxy.setMode("pass");
    expect(await late).toBe("OK");
    await newcomer;
    expect(await direct.get("key")).toBe("late");
  });

  it("delay: answers arrive later, whole and in order", async () => {
    const client = await through();
    proxy.delayMs = 60;
    await proxy.setMode("delay");
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => client.echo(`${n}`)));
    expect(performance.now() - began).toBeGreaterThanOrEqual(55);
    expect(answers).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`));
  });

  it("swallow-answers: the server counted what the client never heard of", async () => {
    const client = await through({ commandTimeout: 300, autoResendUnfulfilledCommands: false });
    await proxy.setMode("swallow-answers");
    await expect(client.incr("counter")).rejects.toThrow("timed out");
    await waitFor(() => proxy.counts.swallowedBytes > 0);
    expect(await direct.get("counter")).toBe("1");
  });

  it("drop-requests: the server never heard of what the client sent", async () => {
    const client = await through({ commandTimeout: 300, autoResendUnfulfilledCommands: false });
    await proxy.setMode("drop-requests");
    await expect(client.incr("counter")).rejects.toThrow("timed out");
    expect(proxy.counts.droppedBytes).toBeGreaterThan(0);
    expect(await direct.get("counter")).toBeNull();
  });

  it.each(["swallow-answers", "drop-requests"] as const)(
    "%s: a connection that lost bytes is cut when the mode ends",
    async (mode) => {
      const client = await through();
      await proxy.setMode(mode);
      const lost = client.incr("counter");
      lost.catch(() => {});
      await waitFor(() => proxy.counts.swallowedBytes + proxy.counts.droppedBytes > 0);
      await proxy.setMode("pass");
      await expect(lost).rejects.toThrow();
      expect(proxy.open).toBe(0);
    },
  );

  it("cutAll: fails what is under way and lets new connections pass", async () => {
    const client = await through();
    const waiting = client.blpop("nothing", 0);
    waiting.catch(() => {});
    await waitFor(async () => /blocked_clients:1/.test(await direct.info("clients")));
    proxy.cutAll();
    await expect(waiting).rejects.toThrow();
    expect(await (await through()).ping()).toBe("PONG");
  });

  it("cutMidAnswer: the client gets half of an answer, of a request that the server carried out", async () => {
    const client = await through();
    const cut = proxy.cutMidAnswer();
    const before = proxy.counts.answerBytes;
    await expect(client.incr("counter")).rejects.toThrow();
    await cut;
    // Half of ":1\r\n".
    expect(proxy.counts.answerBytes - before).toBe(2);
    expect(await direct.get("counter")).toBe("1");
    expect(await (await through()).ping()).toBe("PONG");
  });

  it("cutAfterBytes: lets exactly that many bytes of answers through", async () => {
    await direct.set("value", "x".repeat(1_000_000));
    const client = await through();
    const before = proxy.counts.answerBytes;
    const cut = proxy.cutAfterBytes(500_000);
    await expect(client.get("value")).rejects.toThrow();
    await cut;
    expect(proxy.counts.answerBytes - before).toBe(500_000);
  });

  it("a client sees the server's death at once", async () => {
    const mortal = await freshRedis();
    const other = await startProxy({ targetPort: mortal.port });
    try {
      const client = connectTo(other.urlFor(mortal.url));
      await client.ping();
      const waiting = client.blpop("nothing", 0);
      waiting.catch(() => {});
      await mortal.kill();
      await expect(waiting).rejects.toThrow();
      expect(other.open).toBe(0);
    } finally {
      await other.stop();
      await mortal.stop();
    }
  });
});
