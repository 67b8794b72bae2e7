/** Writes legacy keys in pipelines, and tells the journal what stands from then on. */
import type { Redis } from "ioredis";
import type { Journal } from "./journal.js";
import { digestOf, legacyKey, pythonDumps } from "./legacy-form.js";

const FLUSH_AT = 2000;

export class LegacyWriter {
  readonly #redis: Redis;
  readonly #journal: Journal;
  readonly #now: number;
  #commands: (readonly [string, ...(string | number)[]])[] = [];
  /** Keys written so far; members of sets and fields of hashes don't count. */
  keys = 0;

  constructor(redis: Redis, journal: Journal, now: number) {
    this.#redis = redis;
    this.#journal = journal;
    this.#now = now;
  }

  /** A record whose bytes have to come back unchanged. Seconds; null: for ever. */
  async record(collection: string, id: string, value: unknown, ttlSeconds: number | null): Promise<void> {
    const text = pythonDumps(value);
    const expiresAt = ttlSeconds === null ? null : this.#now + Math.round(ttlSeconds * 1000);
    this.#journal.seed({ collection, id }, { digest: digestOf(text), expiresAt });
    await this.string(legacyKey(collection, id), text, expiresAt);
  }

  async counter(id: string, sum: number, ttlSeconds: number): Promise<void> {
    this.#journal.seedCounter(id, sum);
    await this.string(legacyKey("usage", id), String(sum), this.#now + ttlSeconds * 1000);
  }

  /** A key that the journal doesn't follow. Milliseconds since the epoch; null: for ever. */
  async string(key: string, text: string, expiresAt: number | null): Promise<void> {
    this.keys++;
    await this.command("set", key, text);
    if (expiresAt !== null) await this.command("pexpireat", key, expiresAt);
  }

  async command(name: string, ...args: (string | number)[]): Promise<void> {
    this.#commands.push([name, ...args]);
    if (this.#commands.length >= FLUSH_AT) await this.flush();
  }

  async flush(): Promise<void> {
    const commands = this.#commands.splice(0);
    if (commands.length === 0) return;
    const replies = await this.#redis.pipeline(commands as unknown as unknown[][]).exec();
    const failed = replies?.find(([error]) => error !== null);
    if (failed?.[0]) throw failed[0];
  }
}
