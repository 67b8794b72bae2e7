/** Asks Redis about keys, many at a time and only by commands that read. */

import { AuthorityUnavailableError } from "../../errors.js";
import type { Guard } from "../../stores/guard.js";
import type { RedisStore } from "../../stores/redis/redis-store.js";
import { isTransient } from "../../stores/transient-errors.js";
import { PAGE_MS } from "../migration-context.js";
import { type Patience, persist } from "../run/persist.js";

/** What stands under a key; a size is bytes of a string, and elements of everything else. */
export interface KeyFacts {
  readonly key: Buffer;
  readonly type: string;
  /** Null: it has no expiry. */
  readonly ttlMs: number | null;
  /** Since somebody last read or wrote it; null: the server doesn't tell. */
  readonly idleSeconds: number | null;
  /** Null: a type of a module, whose size no command tells. */
  readonly size: number | null;
}

export interface ListedKeys {
  /** Null at the end. */
  readonly next: string | null;
  readonly keys: Buffer[];
}

type Command = readonly [name: string, ...args: (string | number | Buffer)[]];

const SIZE_COMMANDS: Readonly<Record<string, string>> = {
  string: "strlen",
  hash: "hlen",
  list: "llen",
  set: "scard",
  zset: "zcard",
  stream: "xlen",
};

export class KeyReader {
  readonly #redis: Guard<RedisStore>;
  readonly #patience: Patience;
  #runId: string | null = null;
  #tellsIdle = true;
  #tellsMemory = true;
  #leavesUntouched = true;

  constructor(redis: Guard<RedisStore>, patience: Patience) {
    this.#redis = redis;
    this.#patience = patience;
  }

  /** False: the server told no idle times, as with an eviction policy that counts uses. */
  get tellsIdle(): boolean {
    return this.#tellsIdle;
  }

  /** False: the server refused MEMORY USAGE. */
  get tellsMemory(): boolean {
    return this.#tellsMemory;
  }

  /** False: the server can't be asked not to take what is read here for a use: idle times begin anew. */
  get leavesUntouched(): boolean {
    return this.#leavesUntouched;
  }

  /** What INFO says. */
  async info(): Promise<string> {
    return String(await this.#must(["info"]));
  }

  /** The server's clock, milliseconds since the epoch. */
  async time(): Promise<number> {
    const [seconds, micros] = (await this.#must(["time"])) as [string, string];
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  /** Keys in the database. */
  async size(): Promise<number> {
    return Number(await this.#must(["dbsize"]));
  }

  async list(cursor: string, count: number): Promise<ListedKeys> {
    const [end, keys] = (await this.#must(["scanBuffer", cursor, "COUNT", count])) as [Buffer, Buffer[]];
    const next = end.toString();
    return { next: next === "0" ? null : next, keys };
  }

  /** Null: the key is gone. */
  async facts(keys: readonly Buffer[]): Promise<(KeyFacts | null)[]> {
    const first = await this.#types(keys);
    const sized = first.filter((one) => one !== null && SIZE_COMMANDS[one.type]) as KeyFacts[];
    await this.#noTouch("ON");
    const sizes = await this.#ask(sized.map(({ key, type }) => [SIZE_COMMANDS[type] as string, key]));
    // A key that became one of another type meanwhile has no size.
    const sizeOf = new Map(sized.map((one, n) => [one, sizes[n] instanceof Error ? null : Number(sizes[n])]));
    return first.map((one) => one && { ...one, size: sizeOf.get(one) ?? null });
  }

  /** Bytes with all that Redis keeps beside the value; null: gone, or the server doesn't tell. */
  async memory(keys: readonly Buffer[]): Promise<(number | null)[]> {
    if (!this.#tellsMemory) return keys.map(() => null);
    const replies = await this.#ask(keys.map((key) => ["memory", "USAGE", key]));
    if (replies.some((reply) => reply instanceof Error)) this.#tellsMemory = false;
    return replies.map((reply) => (typeof reply === "number" ? reply : null));
  }

  /** Null: gone, or not a string any more. */
  async values(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    const replies = await this.#ask(keys.map((key) => ["getBuffer", key]));
    return replies.map((reply) => (Buffer.isBuffer(reply) ? reply : null));
  }

  /** Gives the connection back as it was. */
  async end(): Promise<void> {
    if (this.#redis.store.connection.connected) await this.#noTouch("OFF").catch(() => {});
  }

  /** Idle times before anything that may count as a use. */
  async #types(keys: readonly Buffer[]): Promise<(KeyFacts | null)[]> {
    const asked = this.#tellsIdle ? 3 : 2;
    const replies = await this.#ask(
      keys.flatMap((key): Command[] => [
        ["type", key],
        ["pttl", key],
        ...(asked === 3 ? [["object", "IDLETIME", key] as const] : []),
      ]),
    );
    return keys.map((key, n) => {
      const [type, ttl, idle] = replies.slice(n * asked, (n + 1) * asked);
      const refused = [type, ttl].find((reply) => reply instanceof Error);
      if (refused) throw refused;
      if (idle instanceof Error) this.#tellsIdle = false;
      if (String(type) === "none" || Number(ttl) === -2) return null;
      return {
        key,
        type: String(type),
        ttlMs: Number(ttl) < 0 ? null : Number(ttl),
        idleSeconds: typeof idle === "number" ? idle : null,
        size: null,
      };
    });
  }

  async #noTouch(state: "ON" | "OFF"): Promise<void> {
    if (!this.#leavesUntouched) return;
    const [reply] = await this.#ask([["client", "NO-TOUCH", state]]);
    if (reply instanceof Error) this.#leavesUntouched = false;
  }

  async #must(command: Command): Promise<unknown> {
    const [reply] = await this.#ask([command]);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** Replies in order; a command that the server refuses gives its error, everything else is repeated. */
  #ask(commands: readonly Command[]): Promise<unknown[]> {
    if (commands.length === 0) return Promise.resolve([]);
    return persist("Reading Redis", this.#patience, () =>
      this.#redis.attempt(async ({ connection }) => {
        this.#checkServer(connection.runId);
        const replies = await connection.client.pipeline(commands as unknown as unknown[][]).exec();
        return (replies ?? []).map(([error, reply]) => {
          if (error && (error.name !== "ReplyError" || isTransient(error))) throw error;
          return error ?? reply;
        });
      }, PAGE_MS),
    );
  }

  #checkServer(runId: string): void {
    this.#runId ??= runId;
    if (this.#runId === runId) return;
    throw new AuthorityUnavailableError(
      "Redis restarted, or another server took its place, while it was listed: what was counted is of no use. Run the audit again.",
    );
  }
}
