/** The few commands that the migration sends to Redis by itself, on an in-memory server. */
import { companionKey, controlKeys } from "../../src/stores/redis/keys.js";
import type { MemoryRedisServer } from "./redis-server.js";

type Perform = <T>(name: string, effect: () => T) => Promise<T>;

const OVERFLOW = controlKeys.overflow("");

export class MemoryRedisClient {
  readonly options = { db: 0 } as const;

  constructor(
    readonly server: MemoryRedisServer,
    readonly perform: Perform,
  ) {}

  dbsize(): Promise<number> {
    return this.perform("dbsize", () => this.#keys().length);
  }

  /** As of any hash table: what stands during the whole walk is met, what comes or goes may be, and some keys are met twice. */
  scanBuffer(cursor: string, _count: "COUNT", count: number): Promise<[Buffer, Buffer[]]> {
    return this.perform("scan", () => {
      const from = Number(cursor);
      const rest = this.#keys()
        .map((key) => ({ key, place: placeOf(key) }))
        .filter(({ place }) => place >= from)
        .sort((a, b) => a.place - b.place);
      const page = rest.slice(0, from === 0 ? count : count + 1);
      const next = rest.length > page.length ? (page.at(-1)?.place ?? 0) : 0;
      return [Buffer.from(String(next)), page.map(({ key }) => Buffer.from(key))];
    });
  }

  exists(keys: readonly string[]): Promise<number> {
    return this.perform("exists", () => keys.filter((key) => this.server.get(key) !== undefined).length);
  }

  get(key: string): Promise<string | null> {
    return this.perform("get", () => this.#text(key));
  }

  getBuffer(key: string): Promise<Buffer | null> {
    return this.perform("getBuffer", () => {
      const text = this.#text(key);
      return text === null ? null : Buffer.from(text, "latin1");
    });
  }

  type(key: string): Promise<string> {
    return this.perform("type", () => {
      const entry = this.server.get(key);
      return entry === undefined ? "none" : Buffer.isBuffer(entry.value) ? "string" : "set";
    });
  }

  /** A legacy string, or the mark of a full repair log. */
  #text(key: string): string | null {
    if (key.startsWith(OVERFLOW)) return this.server.control.overflowed.get(key.slice(OVERFLOW.length)) ?? null;
    const entry = this.server.get(key);
    return entry && Buffer.isBuffer(entry.value) ? entry.value.toString("latin1") : null;
  }

  /** Legacy keys, companions and the fence. */
  #keys(): string[] {
    const { memory } = this.server;
    const legacy = [...memory.keys.keys()].filter((key) => this.server.get(key) !== undefined);
    const records = [...memory.records.keys()].filter((key) => this.server.recordCompanion(key) !== undefined);
    const counters = [...memory.counters.keys()].filter((key) => this.server.counterCompanion(key) !== undefined);
    const companions = [...new Set([...records, ...counters])].map(companionKey);
    return [...legacy, ...companions, ...(this.server.control.fence ? [controlKeys.fence] : [])];
  }
}

/** Where a key stands in the hash table, from 1 on. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) + 1;
}
