/** What a restore leaves in Redis until its end, so that one that was stopped or killed goes on when it is run again. */
import type { Redis } from "ioredis";
import { OWN_PREFIX } from "../../stores/redis/keys.js";

const KEY = `${OWN_PREFIX}restoring`;

export interface RestoreMark {
  /** Which backup. What Redis holds beside the mark is a part of it. */
  readonly backup: string;
  /** The database that it was restored into before. Empty: only Redis is restored. */
  readonly database: string;
}

export async function readMark(client: Redis): Promise<RestoreMark | null> {
  const { backup, database } = await client.hgetall(KEY);
  return backup === undefined || database === undefined ? null : { backup, database };
}

/** `emptied`: of all else first, in one step, or a kill in between would leave a Redis that tells nothing. */
export async function leaveMark(client: Redis, { backup, database }: RestoreMark, emptied: boolean): Promise<void> {
  const steps = client.multi();
  if (emptied) steps.flushdb("ASYNC");
  await steps.hset(KEY, { backup, database }).exec();
}

export async function removeMark(client: Redis): Promise<void> {
  await client.del(KEY);
}
