/** A Redis and a Postgres: own ones, or empty ones that the environment names, behind a proxy that stands in for outages. */
import { connect, createServer, type Server } from "node:net";
import { Redis } from "ioredis";
import postgres from "postgres";
import { type PostgresServer, startPostgres } from "../../test/servers/postgres-server.js";
import { type RedisServer, startRedis } from "../../test/servers/redis-server.js";
import { startProxy, type TcpProxy } from "../../test/servers/tcp-proxy.js";
import type { DemoOptions } from "./options.js";

/** One store's server, as the story uses it. */
export interface DemoServer {
  readonly name: "Redis" | "Postgres";
  /** For the backends, and all that an outage is to hit. */
  readonly url: string;
  /** Past the proxy: for the journal's seed and the proof. */
  readonly directUrl: string;
  /** For the narrator: "kill -9" or "a cut network". */
  readonly outage: string;
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  /** Switches it off in good order: the backends must not need it any more. */
  switchOff(): Promise<void>;
  /** Switches on one that holds nothing, under the same URL. Redis only. */
  switchOnEmpty(): Promise<void>;
  /** Ends what was started; twice does no harm. */
  stop(): Promise<void>;
}

/** What the environment names can't be used; the message says it all. */
export class UnusableServerError extends Error {}

export async function bringUpRedis(options: DemoOptions): Promise<DemoServer> {
  if (options.redisUrl !== undefined) return givenRedis(options.redisUrl);
  // Every write is handed to the system before it is answered: what an application has that trusts Redis with its data.
  let server: RedisServer = await startRedis({ appendonly: true });
  return {
    name: "Redis",
    url: server.url,
    directUrl: server.url,
    outage: "kill -9",
    goDown: () => server.kill("SIGKILL"),
    comeBack: () => server.restart(),
    switchOff: () => server.stop(),
    switchOnEmpty: async () => {
      server = await startRedis({ appendonly: true, port: server.port });
    },
    stop: () => server.stop(),
  };
}

export async function bringUpPostgres(options: DemoOptions): Promise<DemoServer> {
  if (options.databaseUrl !== undefined) return givenPostgres(options.databaseUrl);
  // Killed, it has to replay what it wrote since its last checkpoint, and be back within the write deadline.
  const server: PostgresServer = await startPostgres({ config: { checkpoint_timeout: "30s" } });
  return {
    name: "Postgres",
    url: server.url,
    directUrl: server.url,
    outage: "kill -9",
    goDown: () => server.kill("SIGKILL"),
    comeBack: () => server.restart(),
    switchOff: () => server.stop(),
    switchOnEmpty: () => Promise.reject(new Error("Postgres is never emptied.")),
    stop: () => server.stop(),
  };
}

async function givenRedis(directUrl: string): Promise<DemoServer> {
  const onServer = async <T>(work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(directUrl, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: null });
    try {
      await redis.connect();
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };
  if ((await onServer((redis) => redis.dbsize())) > 0)
    throw new UnusableServerError("DEMO_REDIS_URL names a database that holds keys. The demo needs an empty one.");
  const gate = await outageGate(directUrl, 6379);
  return {
    ...gate.server,
    name: "Redis",
    directUrl,
    switchOff: () => gate.proxy.setMode("refuse"),
    switchOnEmpty: async () => {
      // Nothing but what this demo wrote stands there: it was empty.
      await onServer((redis) => redis.flushdb());
      await gate.proxy.setMode("pass");
    },
  };
}

async function givenPostgres(directUrl: string): Promise<DemoServer> {
  const sql = postgres(directUrl, { max: 1, onnotice: () => {} });
  try {
    const tables =
      await sql`SELECT 1 FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') LIMIT 1`;
    if (tables.length > 0)
      throw new UnusableServerError("DEMO_DATABASE_URL names a database that has tables. The demo needs an empty one.");
  } finally {
    await sql.end({ timeout: 1 });
  }
  const gate = await outageGate(directUrl, 5432);
  return {
    ...gate.server,
    name: "Postgres",
    directUrl,
    switchOff: () => gate.proxy.setMode("refuse"),
    switchOnEmpty: () => Promise.reject(new Error("Postgres is never emptied.")),
  };
}

/** A proxy before somebody else's server, which may be on another machine. */
async function outageGate(
  directUrl: string,
  defaultPort: number,
): Promise<{ proxy: TcpProxy; server: Pick<DemoServer, "url" | "outage" | "goDown" | "comeBack" | "stop"> }> {
  const { hostname, port } = new URL(directUrl);
  const relay = await startRelay(hostname.replace(/^\[|\]$/g, ""), Number(port || defaultPort));
  const proxy = await startProxy({ targetPort: relay.port });
  return {
    proxy,
    server: {
      url: proxy.urlFor(directUrl),
      outage: "a cut network",
      goDown: () => proxy.setMode("refuse"),
      comeBack: () => proxy.setMode("pass"),
      stop: async () => {
        await proxy.stop();
        relay.server.close();
      },
    },
  };
}

/** The proxy reaches this machine only; this goes on from there. */
function startRelay(host: string, port: number): Promise<{ port: number; server: Server }> {
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ host, port, noDelay: true });
    client.pipe(target).pipe(client);
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.once("close", () => other.destroy());
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: 0, host: "127.0.0.1" }, () =>
      resolve({ port: (server.address() as { port: number }).port, server }),
    );
  });
}
