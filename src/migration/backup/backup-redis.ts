/** The part of a backup that holds Redis: a portable file of all keys, and an RDB where the server gives one. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { BackupError } from "../../errors.js";
import { dumpKeys, listKeys } from "../../stores/redis/key-dumps.js";
import { RdbRefusedError, rdbStream } from "../../stores/redis/rdb-stream.js";
import { serverOf } from "../keyspace/keyspace-page.js";
import type { BothStores } from "../migration-context.js";
import { Pace, rest } from "../run/pace.js";
import { checkBackupFile, writeBackupFile } from "./backup-file.js";
import { dumpLine } from "./dump-line.js";
import type { BackupFile, RedisBackup } from "./manifest.js";

export const KEYS_FILE = "redis.jsonl.gz";
export const RDB_FILE = "redis.rdb.gz";

/** Keys of one step of SCAN. */
const PAGE = 200;
/** What an RDB file begins with, and the last byte before its checksum of 8 bytes. */
const RDB_MAGIC = "REDIS";
const RDB_END = 0xff;
/** In front of {@link RDB_END}'s place, from the end. */
const RDB_CHECKSUM = 8;

export interface RedisBackupOptions {
  /** Keys a second at most. */
  readonly rate: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Told of keys written, and of about how many there are. */
  readonly onKeys: (done: number, total: number) => void;
}

interface Made {
  readonly redis: RedisBackup;
  readonly files: readonly BackupFile[];
}

export async function backupRedis(context: BothStores, folder: string, options: RedisBackupOptions): Promise<Made> {
  const { connection } = context.redis.store;
  const server = serverOf(context);
  const version = /^redis_version:(\S+)/m.exec(await connection.client.info("server"))?.[1] ?? "?";
  // The driver drops a connection that is silent for long; here that is this process's own doing.
  const client = connection.client.duplicate({ socketTimeout: undefined, retryStrategy: null, lazyConnect: true });
  client.on("error", () => {}); // Met by the command under way.
  try {
    await client.connect();
    const rdb = await backupRdb(client, folder, options.signal);
    const keys = await backupKeys(connection.client, folder, options);
    if (serverOf(context) !== server) throw new BackupError("Redis restarted while it was backed up. Run it again.");
    return {
      redis: { server, version, keys: keys.count, rdbRefused: typeof rdb === "string" ? rdb : null },
      files: [keys.file, ...(typeof rdb === "string" ? [] : [rdb])],
    };
  } finally {
    client.disconnect();
  }
}

/** All of one moment. A string: why the server doesn't give it. */
async function backupRdb(client: Redis, folder: string, signal?: AbortSignal): Promise<BackupFile | string> {
  const path = join(folder, RDB_FILE);
  const begin = { text: "" };
  try {
    const file = await writeBackupFile(path, "redis-rdb", watchBegin(rdbStream(client), begin), { signal });
    const end = await checkBackupFile(path, file);
    if (begin.text !== RDB_MAGIC || end.at(-1 - RDB_CHECKSUM) !== RDB_END)
      throw new BackupError("What Redis sent as its RDB doesn't begin or end as one. Run it again.");
    return file;
  } catch (error) {
    if (!(error instanceof RdbRefusedError)) throw error;
    await rm(path, { force: true });
    return error.message;
  }
}

async function* watchBegin(chunks: AsyncIterable<Buffer>, begin: { text: string }): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    if (begin.text.length < RDB_MAGIC.length)
      begin.text += chunk.subarray(0, RDB_MAGIC.length - begin.text.length).toString("latin1");
    yield chunk;
  }
}

/** A key at a time as traffic goes on, so not of one moment; into any server that is as new or newer. */
async function backupKeys(
  client: Redis,
  folder: string,
  { rate, signal, onKeys }: RedisBackupOptions,
): Promise<{ count: number; file: BackupFile }> {
  const path = join(folder, KEYS_FILE);
  let count = 0;
  const pace = new Pace({ rate });
  // A slow rate's rest after a page must not look as if nothing came any more.
  const step = Math.min(PAGE, rate ?? PAGE);
  async function* lines() {
    const total = await client.dbsize();
    for (let cursor: string | null = "0"; cursor !== null; ) {
      const began = performance.now();
      const page = await listKeys(client, cursor, step);
      for await (const dumps of dumpKeys(client, page.keys)) {
        for (const dump of dumps) yield* dumpLine(dump);
        count += dumps.length;
      }
      onKeys(count, Math.max(total, count));
      cursor = page.next;
      await rest(pace.restAfter(page.keys.length, performance.now() - began), signal);
    }
  }
  const file = await writeBackupFile(path, "redis-keys", lines(), { signal });
  await checkBackupFile(path, file);
  return { count, file };
}
