/** The three places from which the proof reads keys back: through the backend, and from each store itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import postgres from "postgres";
import type { ReadReply } from "./backend-routes.js";
import type { Backends } from "./desk.js";
import type { Observed } from "./judge.js";
import { digestOf, legacyKey } from "./legacy-form.js";
import type { Source } from "./proof.js";

const TRIES = 5;

/** As any user of the backend sees it. */
export function backendSource(backends: Backends): Source {
  async function ask<T>(path: string, body: unknown): Promise<T> {
    for (let tries = 1; ; tries++) {
      const { status, body: reply } = await backends.request(path, body);
      if (status === 200) return reply as T;
      if (tries === TRIES)
        throw new Error(`The backend refuses to tell the proof what it has: ${JSON.stringify(reply)}`);
      await sleep(200 * tries);
    }
  }
  return {
    name: "the backend",
    records: async (collection, ids) => {
      const replies = await ask<ReadReply[]>("/read", { collection, ids });
      return replies.map(({ kind, value }) => ({ value: kind === "hit" ? (value as Record<string, unknown>) : null }));
    },
    counters: async (ids) => (await ask<ReadReply[]>("/usage/read", { ids })).map(({ value }) => Number(value ?? 0)),
  };
}

export type DirectSource = Source & { close(): Promise<void> };

/** The legacy keys, as programs see them that know nothing of the library. */
export function redisSource(url: string): DirectSource {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  redis.on("error", () => {});
  return {
    name: "Redis itself",
    records: async (collection, ids) => {
      const found = await redis.mgetBuffer(ids.map((id) => legacyKey(collection, id)));
      return found.map(observed);
    },
    counters: async (ids) => {
      const found = await redis.mget(ids.map((id) => legacyKey("usage", id)));
      return found.map((text) => Number(text ?? 0));
    },
    close: async () => redis.disconnect(),
  };
}

/** The column that holds a record's id in the table named as its collection. */
const ID_COLUMNS: Readonly<Record<string, string>> = {
  users: "email",
  subscriptions: "holder",
  user_sessions: "token",
  threads: "id",
  usage_log: "id",
};

/** The rows, as somebody sees them who asks the database. */
export function postgresSource(url: string): DirectSource {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return {
    name: "Postgres itself",
    records: async (collection, ids) => {
      const rows = await sql<{ id: string; bytes: Buffer }[]>`
        SELECT ${sql(ID_COLUMNS[collection] as string)} AS id, sync_original AS bytes FROM ${sql(collection)}
        WHERE ${sql(ID_COLUMNS[collection] as string)} = ANY (${[...ids]}) AND sync_original IS NOT NULL
          AND coalesce(sync_expires_at > clock_timestamp(), true)`;
      const byId = new Map(rows.map(({ id, bytes }) => [id, bytes]));
      return ids.map((id) => observed(byId.get(id) ?? null));
    },
    counters: async (ids) => {
      const rows = await sql<{ id: string; sum: string }[]>`
        SELECT id, sync_redis_part + sync_postgres_part AS sum FROM usage_tracking
        WHERE id = ANY (${[...ids]}) AND coalesce(sync_expires_at > clock_timestamp(), true)`;
      const byId = new Map(rows.map(({ id, sum }) => [id, Number(sum)]));
      return ids.map((id) => byId.get(id) ?? 0);
    },
    close: () => sql.end({ timeout: 1 }),
  };
}

function observed(bytes: Buffer | null): Observed {
  if (bytes === null) return { value: null };
  return { value: JSON.parse(bytes.toString()) as Record<string, unknown>, digest: digestOf(bytes) };
}
