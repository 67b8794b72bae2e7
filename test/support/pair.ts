/** A real Redis and a real database for one test file, behind proxies where a test wants outages, and stores opened on them. */
import { pino } from "pino";
import { type CollectionDefinition, type DualWriteOptions, DualWriteStore } from "../../src/index.js";
import type { RedisOptions, RedisServer } from "../servers/redis-server.js";
import { startProxy, type TcpProxy } from "../servers/tcp-proxy.js";
import { freshDatabase, freshRedis } from "./databases.js";

export interface Pair {
  readonly redis: RedisServer;
  readonly redisProxy: TcpProxy;
  readonly databaseUrl: string;
  readonly databaseProxy: TcpProxy;
  /** URLs through the proxies. */
  readonly urls: { readonly redis: string; readonly postgres: string };
  open<C extends Record<string, CollectionDefinition> = Record<never, never>>(
    strategy: DualWriteOptions["strategy"],
    options?: Partial<DualWriteOptions<C>>,
  ): Promise<DualWriteStore<C>>;
  /** Closes every store that `open` gave and stops both servers. */
  end(): Promise<void>;
}

export const silent = pino({ level: "silent" });

export interface PairOptions {
  readonly redis?: RedisOptions;
  /** A Postgres server of the test's own, by the URL of its maintenance database. @default the one that all test files share */
  readonly postgres?: string;
}

export async function openPair(options: PairOptions = {}): Promise<Pair> {
  const [redis, database] = await Promise.all([
    freshRedis(options.redis),
    freshDatabase(options.postgres === undefined ? {} : { server: options.postgres }),
  ]);
  const [redisProxy, databaseProxy] = await Promise.all([
    startProxy({ targetUrl: redis.url }),
    startProxy({ targetUrl: database.url }),
  ]);
  const urls = { redis: redisProxy.urlFor(redis.url), postgres: databaseProxy.urlFor(database.url) };
  const opened: DualWriteStore[] = [];
  return {
    redis,
    redisProxy,
    databaseUrl: database.url,
    databaseProxy,
    urls,
    async open(strategy, options) {
      const store = await DualWriteStore.open({
        ...urls,
        strategy,
        schema: "apply",
        logger: silent,
        ...options,
      } as DualWriteOptions<never>);
      opened.push(store as unknown as DualWriteStore);
      return store as never;
    },
    async end() {
      await Promise.allSettled([redisProxy.setMode("pass"), databaseProxy.setMode("pass")]);
      await Promise.allSettled(opened.map((store) => store.close()));
      await Promise.allSettled([redisProxy.stop(), databaseProxy.stop()]);
      await Promise.allSettled([redis.stop(), database.drop()]);
    },
  };
}
