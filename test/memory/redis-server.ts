/** A Redis server in memory: strings and sets with expiry, the library's companions, and ways to lose it all. */
import type { Stamp } from "../../src/stores/state.js";
import { Control } from "./control.js";
import { MemoryServer, type MemoryServerOptions } from "./memory-server.js";

/** A key: a string, or a set. Replaced whole at each change. */
export interface RedisEntry {
  readonly value: Buffer | ReadonlySet<string>;
  readonly expiresAt: number | null;
}

/** What the library holds of a record beside its legacy key. */
export interface RecordCompanion {
  readonly stamp: Stamp;
  /** The value it tells of; null is a tombstone. Redis holds a digest: it is compared, never given out. */
  readonly bytes: Buffer | null;
  readonly expiresAt: number | null;
  readonly operations: readonly string[];
  /** The term in which the record was last written here or compared with the other store. */
  readonly term: number;
  /** When the companion itself goes. */
  readonly goneAt: number | null;
}

/** What the library holds of a counter beside its legacy key, which holds the sum. */
export interface CounterCompanion {
  readonly generation: number;
  readonly postgresPart: number;
  /** The sum the library last saw. */
  readonly lastSum: number;
  readonly stamp: Stamp;
  readonly operations: readonly string[];
  readonly term: number;
  readonly expiresAt: number | null;
}

/** All that a server's memory holds. Entries are immutable, so a copy is cheap. */
export class RedisMemory {
  /** Exactly the legacy keys. */
  readonly keys = new Map<string, RedisEntry>();
  /** Legacy key → companion. */
  readonly records = new Map<string, RecordCompanion>();
  readonly counters = new Map<string, CounterCompanion>();
  /** `collection index value` → id → the order of indexing. */
  readonly index = new Map<string, ReadonlyMap<string, number>>();
  /** Collections whose index was built whole. */
  readonly indexed = new Set<string>();
  readonly tasks = new Map<string, { readonly owner: string; readonly until: number }>();
  control = new Control();

  copy(): RedisMemory {
    const copy = new RedisMemory();
    for (const [key, entry] of this.keys) copy.keys.set(key, entry);
    for (const [key, companion] of this.records) copy.records.set(key, companion);
    for (const [key, companion] of this.counters) copy.counters.set(key, companion);
    for (const [key, ids] of this.index) copy.index.set(key, ids);
    for (const name of this.indexed) copy.indexed.add(name);
    for (const [task, holder] of this.tasks) copy.tasks.set(task, holder);
    copy.control = this.control.copy();
    return copy;
  }
}

/** What `snapshot` gives and `restore` takes; never changed by either. */
export type RedisSnapshot = RedisMemory;

export class MemoryRedisServer extends MemoryServer {
  memory = new RedisMemory();
  #run = 1;

  constructor(options: MemoryServerOptions = {}) {
    super(options);
    this.control = this.memory.control;
  }

  /** Names one unbroken memory; another after each restart. */
  get runId(): string {
    return `run-${this.#run}`;
  }

  /** What stands under a key; an expired entry goes when it is looked at. */
  get(key: string): RedisEntry | undefined {
    const entry = this.memory.keys.get(key);
    if (entry && this.isPast(entry.expiresAt)) {
      this.memory.keys.delete(key);
      return undefined;
    }
    return entry;
  }

  set(key: string, value: RedisEntry["value"], expiresAt: number | null): void {
    if (this.isPast(expiresAt)) this.memory.keys.delete(key);
    else this.memory.keys.set(key, { value, expiresAt });
  }

  delete(key: string): void {
    this.memory.keys.delete(key);
  }

  /** Adds to a set, or takes out of it; an empty set doesn't exist. */
  setMember(key: string, member: string, present: boolean, ttlSeconds?: number): void {
    const entry = this.get(key);
    const members = new Set(entry && !Buffer.isBuffer(entry.value) ? entry.value : []);
    if (present) members.add(member);
    else members.delete(member);
    const expiresAt = present && ttlSeconds !== undefined ? this.now() + ttlSeconds * 1000 : (entry?.expiresAt ?? null);
    if (members.size > 0) this.set(key, members, expiresAt);
    else this.delete(key);
  }

  members(key: string): string[] {
    const entry = this.get(key);
    return entry && !Buffer.isBuffer(entry.value) ? [...entry.value] : [];
  }

  recordCompanion(key: string): RecordCompanion | undefined {
    const companion = this.memory.records.get(key);
    if (companion && this.isPast(companion.goneAt)) {
      this.memory.records.delete(key);
      return undefined;
    }
    return companion;
  }

  counterCompanion(key: string): CounterCompanion | undefined {
    const companion = this.memory.counters.get(key);
    if (companion?.expiresAt != null && this.isPast(companion.expiresAt + this.retentionMs)) {
      this.memory.counters.delete(key);
      return undefined;
    }
    return companion;
  }

  /** FLUSHALL: everything goes, the fence too; the server is the same. */
  flush(): void {
    this.#take(new RedisMemory());
  }

  /** What an RDB file would hold now. */
  snapshot(): RedisSnapshot {
    return this.memory.copy();
  }

  /** A restart from that snapshot: what came after it is lost. */
  restore(snapshot: RedisSnapshot): void {
    this.#run++;
    this.#take(snapshot.copy());
  }

  /** A restart that loses nothing; nobody outside can tell it from one that does. */
  restart(): void {
    this.#run++;
  }

  /** A bypass writer's `SET`, or `SET … PXAT`. */
  bypassSet(key: string, bytes: Buffer, expiresAt: number | null = null): void {
    this.set(key, bytes, expiresAt);
  }

  /** A bypass writer's `DEL`, an eviction too. */
  bypassDel(key: string): void {
    this.delete(key);
  }

  /** A bypass writer's `INCRBY`. @throws Error for what isn't an integer. */
  bypassIncr(key: string, by = 1): number {
    const entry = this.get(key);
    const held = entry ? String(entry.value) : "0";
    if (!/^-?\d+$/.test(held)) throw new Error("ERR value is not an integer or out of range");
    const sum = Number(held) + by;
    this.set(key, Buffer.from(String(sum)), entry?.expiresAt ?? null);
    return sum;
  }

  /** A bypass writer's `PEXPIREAT`, or `PERSIST` for null. */
  bypassExpire(key: string, expiresAt: number | null): void {
    const entry = this.get(key);
    if (entry) this.set(key, entry.value, expiresAt);
  }

  /** A bypass writer's `SADD`: the way to put another type under a key. */
  bypassAddMember(key: string, member: string): void {
    this.setMember(key, member, true);
  }

  #take(memory: RedisMemory): void {
    this.memory = memory;
    this.control = memory.control;
  }
}
