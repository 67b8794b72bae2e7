/** What the Redis launcher promises to the tests that build on it. */
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { isAlive } from "./child-processes.js";
import { type RedisOptions, type RedisServer, startRedis } from "./redis-server.js";
import { makeTemporaryFolder } from "./server-account.js";

const servers: RedisServer[] = [];
const clients: Redis[] = [];

async function start(options?: RedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  servers.push(server);
  return server;
}

function clientOf(server: RedisServer): Redis {
  const client = new Redis(server.url, { retryStrategy: () => null, commandTimeout: 5000 });
  client.on("error", () => {});
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe("startRedis", () => {
  it("keeps what was written through kill -9 and restart when appendonly is on", async () => {
    const server = await start({ appendonly: true });
    await clientOf(server).set("key", "value");
    const { pid, port } = server;
    await server.kill("SIGKILL");
    expect(await isAlive(pid)).toBe(false);
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await clientOf(server).get("key")).toBe("value");
  });

  it("forgets everything on restart when appendonly is off", async () => {
    const server = await start();
    await clientOf(server).set("key", "value");
    await server.restart();
    expect(await clientOf(server).get("key")).toBeNull();
  });

  it.each(["running", "killed", "frozen"])("leaves no process and no folder when stopped while %s", async (state) => {
    const server = await start({ appendonly: true });
    if (state === "killed") await server.kill("SIGKILL");
    if (state === "frozen") await server.kill("SIGSTOP");
    await server.stop();
    expect(await isAlive(server.pid)).toBe(false);
    await expect(access(server.dir)).rejects.toThrow("ENOENT");
  });

  it("keeps a given folder and finds its data again", async () => {
    const folder = await makeTemporaryFolder("dual-write-test-");
    try {
      const dir = join(folder, "redis");
      const first = await start({ dir, appendonly: true });
      await clientOf(first).set("key", "value");
      await first.stop();
      expect(await clientOf(await start({ dir, appendonly: true })).get("key")).toBe("value");
      await Promise.all(servers.splice(0).map((server) => server.stop()));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("passes arguments to the server", async () => {
    const server = await start({ args: ["--maxmemory", "10mb"] });
    expect(await clientOf(server).config("GET", "maxmemory")).toEqual(["maxmemory", "10485760"]);
  });

  it("says why a server with a wrong argument did not start", async () => {
    await expect(startRedis({ args: ["--nonsense", "yes"] })).rejects.toThrow(/nonsense/);
  });

  it("starts several at once, each on a port and in a folder of its own", async () => {
    const several = await Promise.all(Array.from({ length: 5 }, () => start()));
    expect(new Set(several.map((server) => server.port)).size).toBe(5);
    expect(new Set(several.map((server) => server.dir)).size).toBe(5);
  });
});
