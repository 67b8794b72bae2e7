/**
 * What the library remembers in Redis of the spellings it has merged, so that the same content isn't merged twice: a hash for each
 * record, and for each counter variant. It lives as long as the variants' keys, and the retention after that.
 */
import { createHash } from "node:crypto";
import { OWN_PREFIX } from "../../stores/redis/keys.js";
import { RETENTION_MS } from "../../stores/state.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";

export class MergeMarker {
  readonly #context: BothStores;
  readonly #key: string;
  #isNew = false;

  /** `name`: a record's id, or a counter variant's key. */
  constructor(context: BothStores, collection: string, name: string) {
    this.#context = context;
    this.#key = `${OWN_PREFIX}merged:${collection}:${name}`;
  }

  async read(): Promise<Readonly<Record<string, string>>> {
    const fields = await this.#context.redis.attempt(({ connection }) => connection.client.hgetall(this.#key), PAGE_MS);
    this.#isNew = Object.keys(fields).length === 0;
    return fields;
  }

  /** Call after `read`. `expiresAt`: when the variant's key expires. */
  async write(fields: Readonly<Record<string, string>>, expiresAt: number | null): Promise<void> {
    await this.#context.redis.attempt(({ connection }) => connection.client.hset(this.#key, fields), PAGE_MS);
    await this.keep(expiresAt);
  }

  /** Writes the field unless it is there: of several runs at once one comes first. */
  async claim(field: string, value: string, expiresAt: number | null): Promise<void> {
    await this.#context.redis.attempt(({ connection }) => connection.client.hsetnx(this.#key, field, value), PAGE_MS);
    await this.keep(expiresAt);
  }

  async remove(fields: readonly string[]): Promise<void> {
    if (fields.length > 0)
      await this.#context.redis.attempt(({ connection }) => connection.client.hdel(this.#key, ...fields), PAGE_MS);
  }

  /** Makes the marker outlive the variant's key; never shortens its life, which another variant may need. */
  async keep(expiresAt: number | null): Promise<void> {
    await this.#context.redis.attempt(async ({ connection: { client } }) => {
      if (expiresAt === null) return client.persist(this.#key);
      const at = expiresAt + RETENTION_MS;
      const left = this.#isNew ? 0 : await client.pttl(this.#key);
      if (left >= 0 && Date.now() + left < at) await client.pexpireat(this.#key, at);
    }, PAGE_MS);
    this.#isNew = false;
  }
}

/** Names a variant's content, and a variant's key, in a marker. */
export function digest(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("base64url").slice(0, 22);
}
