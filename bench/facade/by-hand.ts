/** What a backend without the library would write: the bare clients, well used. */
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Way } from "../compare.js";
import { idOf, itemOf, plainTable, TTL_MS } from "../items.js";
import type { Stage } from "../stage.js";

const UPSERT = `INSERT INTO plain_items (id, owner, amount, active, value, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, amount = excluded.amount, active = excluded.active, value = excluded.value, expires_at = excluded.expires_at`;
const SELECT = "SELECT value FROM plain_items WHERE id = $1";
const COUNT = `INSERT INTO plain_counts (id, count) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET count = plain_counts.count + 1`;

const key = (i: number) => `plain:item:${idOf(i)}`;
const lane = (stage: Stage, i: number) => stage.lanes[i % stage.lanes.length] as postgres.Sql;

export function set(stage: Stage, i: number): Promise<unknown> {
  return stage.redis.set(key(i), JSON.stringify(itemOf(i)), "PX", TTL_MS);
}

export function upsert(stage: Stage, i: number): Promise<unknown> {
  const { owner, amount, active } = itemOf(i);
  const parameters = [idOf(i), owner, amount, active, JSON.stringify(itemOf(i)), new Date(Date.now() + TTL_MS)];
  return lane(stage, i).unsafe(UPSERT, parameters, { prepare: true });
}

export async function readText(stage: Stage, i: number): Promise<string> {
  return required(await stage.redis.get(key(i)));
}

export async function selectText(stage: Stage, i: number): Promise<string> {
  const [row] = await lane(stage, i).unsafe(SELECT, [idOf(i)], { prepare: true });
  return required(row?.value as string | undefined);
}

function required(text: string | null | undefined): string {
  if (text === null || text === undefined) throw new Error("a record is missing");
  return text;
}

export function byHand(stage: Stage) {
  const pool = postgres(stage.databaseUrl, { onnotice: () => {} });
  const db = drizzle(pool);
  const ways = {
    get: { run: async (i: number) => JSON.parse(await readText(stage, i)) },
    select: { run: async (i: number) => JSON.parse(await selectText(stage, i)) },
    set: { run: (i: number) => set(stage, i) },
    upsert: { run: (i: number) => upsert(stage, i) },
    setAndUpsert: { run: (i: number) => Promise.all([set(stage, i), upsert(stage, i)]) },
    setAndDrizzle: {
      run: (i: number) => {
        const { owner, amount, active } = itemOf(i);
        const row = {
          owner,
          amount,
          active,
          value: JSON.stringify(itemOf(i)),
          expiresAt: new Date(Date.now() + TTL_MS),
        };
        return Promise.all([
          set(stage, i),
          db
            .insert(plainTable)
            .values({ id: idOf(i), ...row })
            .onConflictDoUpdate({ target: plainTable.id, set: row }),
        ]);
      },
    },
    countTwice: {
      run: (i: number) => {
        const ids = [`day:${idOf(i)}`, `month:${idOf(i)}`];
        return Promise.all([
          ...ids.map((id) => stage.redis.incr(`plain:${id}`)),
          ...ids.map((id, n) => lane(stage, i * 2 + n).unsafe(COUNT, [id], { prepare: true })),
        ]);
      },
    },
  } satisfies Record<string, Way>;
  return { ways, close: () => pool.end({ timeout: 1 }) };
}
