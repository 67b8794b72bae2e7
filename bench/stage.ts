/** Real servers, the library's store on them, and the bare clients beside it. */

import { type DualWriteOptions, DualWriteStore, Migration, type StrategyName } from "dual-write-store";
import { Redis } from "ioredis";
import { pino } from "pino";
import postgres from "postgres";
import { type PostgresServer, startPostgres } from "../test/servers/postgres-server.js";
import { type RedisServer, startRedis } from "../test/servers/redis-server.js";
import { CREATE_TABLES, items } from "./items.js";

const PREFIX = "bench:";

/** The legacy key of a record. */
export const itemKey = (id: string) => `${PREFIX}item:${id}`;

export interface Stage {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly redis: Redis;
  /** Ten clients of one connection each: the driver's own pool slows down for good once more waits than it has connections. */
  readonly lanes: readonly postgres.Sql[];
  /** Closed with the stage at the latest. */
  open(strategy: StrategyName, options?: OpenOptions): Promise<BenchStore>;
  close(): Promise<void>;
}

type OpenOptions = Partial<Pick<DualWriteOptions, "redis" | "postgres" | "compareReads" | "deadlines" | "schema">>;

export type BenchStore = DualWriteStore<{ items: typeof items }>;

export async function openStage(): Promise<Stage> {
  const server: PostgresServer = await startPostgres({ config: { shared_buffers: "256MB" } });
  const redisServer: RedisServer = await startRedis();
  const lanes = Array.from({ length: 10 }, () => postgres(server.url, { max: 1, onnotice: () => {} }));
  const redis = new Redis(redisServer.url);
  await (lanes[0] as postgres.Sql).unsafe(CREATE_TABLES);
  const stores: BenchStore[] = [];
  return {
    redisUrl: redisServer.url,
    databaseUrl: server.url,
    redis,
    lanes,
    async open(strategy, options = {}) {
      const store = await DualWriteStore.open({
        redis: redisServer.url,
        postgres: server.url,
        strategy,
        keyPrefix: PREFIX,
        schema: "apply",
        collections: { items },
        compareReads: 0,
        deadlines: { read: 5000, write: 10_000, mirror: 5000 },
        bypassWriters: false,
        logger: pino({ level: "silent" }),
        ...options,
      });
      stores.push(store);
      return store;
    },
    async close() {
      await Promise.allSettled(stores.map((store) => store.close()));
      redis.disconnect();
      await Promise.allSettled(lanes.map((lane) => lane.end({ timeout: 1 })));
      await Promise.allSettled([server.stop(), redisServer.stop()]);
    },
  };
}

/** No more Redis: the last stage as it is meant to stay. */
export async function giveUpRedis(stage: Stage): Promise<void> {
  const migration = await Migration.open({ redis: stage.redisUrl, postgres: stage.databaseUrl, keyPrefix: PREFIX });
  await migration.giveUpRedis({ reason: "bench" });
  await migration.close();
}

/** Moves a store stage by stage, whatever the gate says. */
export async function moveTo(store: BenchStore, path: readonly StrategyName[]): Promise<void> {
  for (const next of path) await store.setStrategy(next, { force: true, reason: "bench" });
}
