/** A Redis write from the bare command up to the library's store, one promise more at each rung. */
import { Redis } from "ioredis";
import { RedisStore } from "../internals.js";
import { IDS, idOf, itemOf, TTL_MS } from "../items.js";
import { Clearing, type Entry } from "./clearing.js";
import { CLEAR, redisScript } from "./redis-script.js";
import { kept, type Ladder, newOperation, PROMISES, type Rung } from "./rungs.js";
import { storeRungs, TERM } from "./store-rung.js";

const LOG = "ladder:log";

type ScriptCall = (...args: (string | number)[]) => Promise<unknown>;

/** Makes this Redis the authority of its own. */
export async function redisLadder(url: string): Promise<Ladder> {
  const redis = new Redis(url);
  const rungs: Rung[] = [
    {
      name: "bare",
      run: (i) => redis.set(`ladder:bare:${idOf(i)}`, JSON.stringify(itemOf(i)), "PX", TTL_MS),
    },
  ];
  redis.defineCommand("ladderClear", { numberOfKeys: 1, lua: CLEAR });
  const clear = (entries: readonly Entry[]) =>
    command(redis, "ladderClear")(LOG, ...entries.flatMap(({ id, stamp }) => [id, stamp]));
  for (let count = 0; count <= PROMISES.length; count++) rungs.push(scriptRung(redis, count, new Clearing(clear)));
  const store = await RedisStore.connect({ redis: url });
  await store.createFence({ term: TERM, role: "authority", complete: true });
  rungs.push(...storeRungs(store, ["one:", "many:"]));
  return {
    store: "Redis",
    rungs,
    check: async () => {
      const names = rungs.slice(0, -2).map((_, n) => (n === 0 ? "ladder:bare" : `ladder:${n - 1}`));
      for (const key of [...names.map((name) => `${name}:`), "one:item:", "many:item:"]) {
        const value = await redis.get(`${key}${idOf(0)}`);
        if (!value || (JSON.parse(value).amount as number) % IDS !== 0) throw new Error(`${key}: another value stands`);
      }
      const left = await Promise.all([redis.zcard(LOG), redis.zcard("dual-write:log:items")]);
      if (left.some((entries) => entries > 0)) throw new Error("entries of the repair log were left");
    },
    close: async () => {
      redis.disconnect();
      await store.close();
    },
  };
}

function scriptRung(redis: Redis, count: number, clearing: Clearing): Rung {
  const promises = kept(count);
  const name = `ladder${count}`;
  redis.defineCommand(name, { numberOfKeys: 4, lua: redisScript(promises) });
  const call = command(redis, name);
  const isLogged = promises.has("log entry and its clearing");
  return {
    name: count === 0 ? "the same in a script" : `+ ${PROMISES[count - 1]}`,
    run: async (i) => {
      const key = `ladder:${count}:${idOf(i)}`;
      const expiry = Date.now() + TTL_MS;
      const reply = await call(
        key,
        `dual-write:{${key}}`,
        "dual-write:fence",
        LOG,
        JSON.stringify(itemOf(i)),
        expiry,
        key,
        newOperation(),
        TERM,
      );
      if (count > 0 && !(Number(reply) > 0)) throw new Error(`a write was refused: ${reply}`);
      if (isLogged) clearing.add({ id: key, stamp: Number(reply) });
    },
    settle: () => clearing.settled(),
  };
}

function command(redis: Redis, name: string): ScriptCall {
  return (redis as unknown as Record<string, ScriptCall>)[name]?.bind(redis) as ScriptCall;
}
