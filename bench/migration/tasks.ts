/** What the worker can be asked to do to a whole keyspace. */
import { Migration } from "dual-write-store";
import { Redis } from "ioredis";
import postgres from "postgres";
import { pipelineCopy } from "../backfill/pipeline.js";
import { usualScript } from "../backfill/usual-script.js";

export interface Urls {
  readonly redis: string;
  readonly postgres: string;
}

export type Task =
  | { readonly name: "backfill"; readonly polite: boolean }
  | { readonly name: "verify" | "audit" | "reverse" | "pipeline" | "idle" }
  | { readonly name: "usual"; readonly limit: number };

export interface Done {
  /** Keys, or rows, that were gone through. */
  readonly keys: number;
  readonly ms: number;
  /** The most that the worker ever held. Megabytes. */
  readonly megabytes: number;
  /** By what became of the keys, where that was counted. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Keys a second. */
export function rateOf({ keys, ms }: Pick<Done, "keys" | "ms">): number {
  return (keys * 1000) / ms;
}

type Outcome = Omit<Done, "ms" | "megabytes">;

export async function perform(task: Task, urls: Urls): Promise<Done> {
  const { name } = task;
  const isOurs = name === "backfill" || name === "verify" || name === "audit" || name === "reverse";
  const { outcome, ms } =
    name === "idle"
      ? { outcome: { keys: 0, counts: {} }, ms: 0 }
      : isOurs
        ? await withMigration(urls, (migration) => ours(task, migration))
        : await withClients(urls, (redis, lanes) => alternative(task, redis, lanes));
  return { ...outcome, ms, megabytes: process.resourceUsage().maxRSS / 1024 };
}

async function ours(task: Task, migration: Migration): Promise<Outcome> {
  switch (task.name) {
    case "backfill": {
      const { counts, addsUp } = await migration.backfill({
        maxRejects: Number.POSITIVE_INFINITY,
        ...(task.polite ? POLITE : {}),
      });
      if (!addsUp) throw new Error("the backfill's counts don't add up");
      return { keys: counts.seen, counts: { ...counts } };
    }
    case "verify": {
      const { compared, differences } = await migration.verify();
      return { keys: compared, counts: { ...differences } };
    }
    case "audit": {
      const { keys } = await migration.audit({ checkValues: true });
      return { keys: keys.distinct, counts: {} };
    }
    default: {
      const { copied } = await migration.reverseBackfill();
      return { keys: copied, counts: {} };
    }
  }
}

/** What the library offers to those who would rather wait. */
const POLITE = { polite: true };

async function alternative(task: Task, redis: Redis, lanes: readonly postgres.Sql[]): Promise<Outcome> {
  const keys =
    task.name === "usual"
      ? await usualScript(redis, lanes[0] as postgres.Sql, task.limit)
      : await pipelineCopy(redis, lanes);
  return { keys, counts: {} };
}

async function withMigration(urls: Urls, work: (migration: Migration) => Promise<Outcome>) {
  const migration = await Migration.open(urls);
  try {
    return await timed(() => work(migration));
  } finally {
    await migration.close();
  }
}

async function withClients(urls: Urls, work: (redis: Redis, lanes: readonly postgres.Sql[]) => Promise<Outcome>) {
  const redis = new Redis(urls.redis);
  const lanes = [0, 1].map(() => postgres(urls.postgres, { max: 1, onnotice: () => {} }));
  try {
    await Promise.all([redis.ping(), ...lanes.map((lane) => lane`SELECT 1`)]);
    return await timed(() => work(redis, lanes));
  } finally {
    redis.disconnect();
    await Promise.all(lanes.map((lane) => lane.end({ timeout: 1 })));
  }
}

async function timed(work: () => Promise<Outcome>): Promise<{ outcome: Outcome; ms: number }> {
  const began = performance.now();
  const outcome = await work();
  return { outcome, ms: performance.now() - began };
}
