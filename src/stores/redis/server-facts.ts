/** What a Redis server tells of itself, asked over a connection of its own, since it may refuse what the store's needs. */
import type { Redis } from "ioredis";
import { type Asked, ask } from "../asked.js";
import { refusedCommands } from "./needed-commands.js";

export interface RedisFacts {
  readonly tls: boolean;
  readonly password: boolean;
  readonly host: string;
  /** The fields of INFO. */
  readonly info: Asked<Readonly<Record<string, string>>>;
  /** `always`, `everysec` or `no`. */
  readonly appendfsync: Asked<string>;
  /** The parameter `save`: empty without snapshots. */
  readonly save: Asked<string>;
  readonly user: Asked<string>;
  readonly keys: Asked<number>;
  /** Commands that the user may not run, one list for each key asked about. Null: it can't be asked. */
  readonly refused: Asked<string[] | null>;
}

/** @param keys one of each kind that the library touches. @throws the driver's error where the server isn't reached */
export async function readRedisFacts(client: Redis, keys: readonly string[]): Promise<RedisFacts> {
  const { tls, password, host = "localhost", path } = client.options;
  await connect(client);
  return {
    tls: tls !== undefined && tls !== null,
    password: Boolean(password),
    host: path ?? host,
    info: await ask(async () => parseInfo(await client.info())),
    appendfsync: await ask(() => parameter(client, "appendfsync")),
    save: await ask(() => parameter(client, "save")),
    user: await ask(() => client.call("ACL", "WHOAMI") as Promise<string>),
    keys: await ask(() => client.dbsize()),
    refused: await ask(async () => {
      const lists = await Promise.all(keys.map((key) => refusedCommands(client, key)));
      return lists.some((list) => list === null) ? null : [...new Set(lists.flatMap((list) => list ?? []))];
    }),
  };
}

/** With the reason why it couldn't, which ioredis gives to its listeners only. */
async function connect(client: Redis): Promise<void> {
  let reason: Error | undefined;
  client.on("error", (error) => {
    reason ??= error;
  });
  await client.connect().catch((error: Error) => {
    throw reason ?? error;
  });
}

async function parameter(client: Redis, name: string): Promise<string> {
  const reply = (await client.config("GET", name)) as string[];
  if (reply[1] === undefined) throw new Error(`the server has no parameter ${name}`);
  return reply[1];
}

/** The fields of a reply of INFO. */
export function parseInfo(text: string): Record<string, string> {
  const fields = text.split(/\r?\n/).map((line) => /^([^#:]+):(.*)$/.exec(line));
  return Object.fromEntries(fields.flatMap((field) => (field ? [[field[1], field[2]]] : [])));
}

/** Commands that the server has run since it was started. */
export async function readRedisOperations(client: Redis): Promise<number | null> {
  const told = Number(parseInfo(await client.info("stats")).total_commands_processed ?? Number.NaN);
  return Number.isFinite(told) ? told : null;
}

export interface RedisMemory {
  /** Bytes. */
  readonly used: number;
  /** Bytes; 0: no limit is set. */
  readonly limit: number;
  readonly policy: string;
  /** Since the server's start. */
  readonly evictedKeys: number;
}

export async function readRedisMemory(client: Redis): Promise<RedisMemory> {
  const [memory, stats] = [parseInfo(await client.info("memory")), parseInfo(await client.info("stats"))];
  return {
    used: Number(memory.used_memory ?? 0),
    limit: Number(memory.maxmemory ?? 0),
    policy: memory.maxmemory_policy ?? "",
    evictedKeys: Number(stats.evicted_keys ?? 0),
  };
}
