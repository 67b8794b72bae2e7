/** Restores the part of a backup that holds Redis: from its portable file, or from its RDB by way of a server of this machine. */
import type { Redis } from "ioredis";
import { BackupError } from "../../errors.js";
import { dumpKeys, type KeyDump, listKeys, restoreDumps } from "../../stores/redis/key-dumps.js";
import type { BothStores } from "../migration-context.js";
import { readBackupFile } from "./backup-file.js";
import { parseDumpLine } from "./dump-line.js";
import { linePartsOf } from "./lines.js";
import { redisServerProgram, withRdbServer } from "./rdb-server.js";
import { leaveMark, type RestoreMark, removeMark } from "./restore-mark.js";
import type { Part, PartOptions } from "./restore-part.js";

const BATCH = 200;
const BATCH_BYTES = 1 << 20;
/** Keys of one step of SCAN. */
const PAGE = 1000;

export interface RedisRestored {
  readonly keys: number;
  /** Null: the server that read the RDB doesn't tell. */
  readonly expired: number | null;
}

/** @throws BackupError if the database holds keys, or nothing here can read the RDB */
export async function planRedis({ redis }: BothStores, part: Part, replace: boolean): Promise<string[]> {
  const { createdAt, redis: held } = part.manifest;
  const keys = await redis.store.connection.client.dbsize();
  if (keys > 0 && !replace)
    throw new BackupError(
      `Redis isn't empty: the database holds ${keys} keys. Restore into an empty one, or give force to remove them first.`,
    );
  const remove = keys > 0 ? [`Redis: remove all ${keys} keys of the database.`] : [];
  if (part.file.holds === "redis-keys")
    return [...remove, `Redis: write ${held?.keys ?? 0} keys of ${createdAt}, but for those that have expired since.`];
  const program = (await redisServerProgram()) ?? refuseWithout(part.path);
  return [
    ...remove,
    `Redis: start a ${program} of this machine on the RDB, which nobody else can reach, and write what database ${databaseOf(part)} held at ${createdAt}, but for what has expired since.`,
  ];
}

export async function restoreRedis(
  context: BothStores,
  part: Part,
  mark: RestoreMark,
  options: PartOptions,
): Promise<RedisRestored> {
  const { client } = context.redis.store.connection;
  const begin = () => leaveMark(client, mark, options.replace);
  const restored =
    part.file.holds === "redis-rdb"
      ? await restoreRdb(context, part, begin, options)
      : await restoreKeys(context, part, begin, options);
  await removeMark(client);
  return restored;
}

type Begin = () => Promise<void>;

async function restoreRdb(
  context: BothStores,
  part: Part,
  begin: Begin,
  { signal, onDone }: PartOptions,
): Promise<RedisRestored> {
  const program = (await redisServerProgram()) ?? refuseWithout(part.path);
  const rdb = readBackupFile(part.path, part.file);
  return withRdbServer(program, rdb, { database: databaseOf(part), signal }, async (server) => {
    await begin();
    const total = await server.client.dbsize();
    const keys = await write(context, part, keysOf(server.client), (done) => onDone(done, total), signal);
    return { keys, expired: server.expired };
  });
}

async function restoreKeys(
  context: BothStores,
  part: Part,
  begin: Begin,
  { signal, onDone }: PartOptions,
): Promise<RedisRestored> {
  await begin();
  let expired = 0;
  const now = await context.redis.store.now();
  async function* living(): AsyncGenerator<KeyDump[], void, undefined> {
    for await (const line of linePartsOf(readBackupFile(part.path, part.file))) {
      const dump = parseDumpLine(line);
      if (dump.expiresAt === null || dump.expiresAt > now) yield [dump];
      else expired++;
    }
  }
  const total = part.manifest.redis?.keys ?? 0;
  const keys = await write(context, part, living(), (done) => onDone(done + expired, total), signal);
  return { keys, expired };
}

async function* keysOf(client: Redis): AsyncGenerator<KeyDump[], void, undefined> {
  for (let cursor: string | null = "0"; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listKeys>> = await listKeys(client, cursor, PAGE);
    yield* dumpKeys(client, page.keys);
    cursor = page.next;
  }
}

/** Returns how many keys were written. @throws BackupError if Redis refuses one */
async function write(
  { redis }: BothStores,
  { manifest }: Part,
  dumps: AsyncIterable<readonly KeyDump[]>,
  onKeys: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<number> {
  let keys = 0;
  let batch: KeyDump[] = [];
  let bytes = 0;
  const flush = async () => {
    const [refused] = await restoreDumps(redis.store.connection.client, batch);
    if (refused)
      throw new BackupError(
        `Redis refused a key of the backup: ${refused.message}. A server older than ${manifest.redis?.version} can't read its format; of what was begun empty the database.`,
        { cause: refused },
      );
    keys += batch.length;
    batch = [];
    bytes = 0;
    onKeys(keys);
  };
  for await (const some of dumps) {
    signal?.throwIfAborted();
    for (const dump of some) {
      batch.push(dump);
      bytes += dump.dump.length;
      if (batch.length >= BATCH || bytes >= BATCH_BYTES) await flush();
    }
  }
  if (batch.length > 0) await flush();
  return keys;
}

/** Of several databases that a server has, an RDB holds all. */
function databaseOf({ manifest }: Part): number {
  return Number(manifest.redis?.server.split("/").at(-1)) || 0;
}

function refuseWithout(path: string): never {
  throw new BackupError(
    [
      "No redis-server is on the PATH, and only one can read an RDB. Install Redis on this machine, or leave --redis-by out to restore from the portable file, or do it by hand on the server's own machine:",
      "  1. Stop the Redis that is to have the data: redis-cli SHUTDOWN NOSAVE",
      `  2. Put the RDB in its folder (dir), as its dbfilename: gunzip -c '${path}' > /var/lib/redis/dump.rdb, say; its user must own the file`,
      "  3. Start it with --appendonly no, for with an append-only file it doesn't look at the RDB: it checks the checksum and loads it",
      "  4. redis-cli CONFIG SET appendonly yes, and see aof_rewrite_in_progress:0 in INFO persistence before it is started as usual again",
    ].join("\n"),
  );
}
