/** Restores the part of a backup that holds Redis, from its portable file. */
import { BackupError } from "../../errors.js";
import { type KeyDump, restoreDumps } from "../../stores/redis/key-dumps.js";
import type { BothStores } from "../migration-context.js";
import { readBackupFile } from "./backup-file.js";
import { parseDumpLine } from "./dump-line.js";
import { linesOf } from "./lines.js";
import type { Part, PartOptions } from "./restore-part.js";

const BATCH = 200;
const BATCH_BYTES = 1 << 20;

/** @throws BackupError if the database holds keys */
export async function planRedis({ redis }: BothStores, { manifest }: Part, force: boolean): Promise<string[]> {
  const keys = await redis.store.connection.client.dbsize();
  if (keys > 0 && !force)
    throw new BackupError(
      `Redis isn't empty: the database holds ${keys} keys. Restore into an empty one, or give force to remove them first.`,
    );
  return [
    ...(keys > 0 ? [`Redis: remove all ${keys} keys of the database.`] : []),
    `Redis: write ${manifest.redis?.keys ?? 0} keys of ${manifest.createdAt}, but for those that have expired since.`,
  ];
}

export async function restoreRedis(
  { redis }: BothStores,
  { path, file, manifest }: Part,
  { force, signal, onDone }: PartOptions,
): Promise<{ keys: number; expired: number }> {
  const { client } = redis.store.connection;
  const total = manifest.redis?.keys ?? 0;
  if (force) await client.flushdb("ASYNC");
  let keys = 0;
  let expired = 0;
  let batch: KeyDump[] = [];
  let bytes = 0;
  const now = await redis.store.now();
  const write = async () => {
    const [refused] = await restoreDumps(client, batch);
    if (refused)
      throw new BackupError(
        `Redis refused a key of the backup: ${refused.message}. A server older than ${manifest.redis?.version} can't read its format; of what was begun empty the database.`,
        { cause: refused },
      );
    keys += batch.length;
    batch = [];
    bytes = 0;
    onDone(keys + expired, total);
  };
  for await (const line of linesOf(readBackupFile(path, file))) {
    signal?.throwIfAborted();
    const dump = parseDumpLine(line);
    if (dump.expiresAt !== null && dump.expiresAt <= now) {
      expired++;
      continue;
    }
    batch.push(dump);
    bytes += dump.dump.length;
    if (batch.length >= BATCH || bytes >= BATCH_BYTES) await write();
  }
  if (batch.length > 0) await write();
  return { keys, expired };
}
