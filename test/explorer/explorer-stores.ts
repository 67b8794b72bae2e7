/** The in-memory stores as one simulated process has them: every effect is noted, traced and followed by the invariants. */
import { readMigrations } from "../../src/schema/migrate.js";
import type { Collection, CounterCollection, RecordCollection } from "../../src/stores/collection.js";
import type { MemoryClaim, PostgresSide, RedisSide } from "../../src/stores/sides.js";
import type {
  ApplyResult,
  CounterAdd,
  CounterAddResult,
  Fence,
  Fenced,
  RecordWrite,
  RecordWriteResult,
} from "../../src/stores/store.js";
import { MemoryPostgres } from "../memory/memory-postgres.js";
import { MemoryRedis } from "../memory/memory-redis.js";
import type { Truth } from "./truth.js";
import type { Connection } from "./world.js";

type Note = (result: never) => void;

/** The database is up to date. */
const MIGRATIONS = await readMigrations();

export class ExplorerRedis extends MemoryRedis implements RedisSide {
  #note: Note | null = null;

  constructor(
    readonly link: Connection,
    readonly truth: Truth,
  ) {
    super(link.world.redis, { step: (name) => link.step(name), logLimit: link.world.logLimit });
  }

  protected override perform<T>(name: string, effect: () => T): Promise<T> {
    const note = this.#note;
    this.#note = null;
    return super.perform(name, () => observe(this.link, `redis.${name}`, effect, note));
  }

  override writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>> {
    this.#note = (result: Fenced<RecordWriteResult>) => this.truth.wrote("redis", term, writes, result);
    return super.writeRecords(collection, term, writes);
  }
  override addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>> {
    this.#note = (result: Fenced<CounterAddResult>) => this.truth.counted("redis", term, adds, result);
    return super.addToCounters(collection, term, adds);
  }
  override applyCounters(...args: Parameters<MemoryRedis["applyCounters"]>): ReturnType<MemoryRedis["applyCounters"]> {
    this.#note = ({ fenced }: Fenced<ApplyResult>) => this.truth.countersPutBack(args[2], fenced);
    return super.applyCounters(...args);
  }
  override claimMemory(claim: MemoryClaim): Promise<Fence> {
    this.#note = () => this.truth.redisClaimed(claim);
    return super.claimMemory(claim);
  }
  override closeFence(term: number, intact?: readonly Collection[]): Promise<boolean> {
    this.#note = (closed: boolean) => closed && this.truth.closed("redis");
    return super.closeFence(term, intact);
  }
  override openFence(term: number): Promise<boolean> {
    this.#note = (opened: boolean) => opened && this.truth.opened("redis", term);
    return super.openFence(term);
  }
}

export class ExplorerPostgres extends MemoryPostgres implements PostgresSide {
  #note: Note | null = null;

  constructor(
    readonly link: Connection,
    readonly truth: Truth,
  ) {
    super(link.world.postgres, { step: (name) => link.step(name), logLimit: link.world.logLimit });
  }

  protected override perform<T>(name: string, effect: () => T): Promise<T> {
    const note = this.#note;
    this.#note = null;
    return super.perform(name, () => observe(this.link, `postgres.${name}`, effect, note));
  }

  override writeRecords(
    collection: RecordCollection,
    term: number,
    writes: readonly RecordWrite[],
  ): Promise<Fenced<RecordWriteResult>> {
    this.#note = (result: Fenced<RecordWriteResult>) => this.truth.wrote("postgres", term, writes, result);
    return super.writeRecords(collection, term, writes);
  }
  override addToCounters(
    collection: CounterCollection,
    term: number,
    adds: readonly CounterAdd[],
  ): Promise<Fenced<CounterAddResult>> {
    this.#note = (result: Fenced<CounterAddResult>) => this.truth.counted("postgres", term, adds, result);
    return super.addToCounters(collection, term, adds);
  }
  override applyCounters(
    ...args: Parameters<MemoryPostgres["applyCounters"]>
  ): ReturnType<MemoryPostgres["applyCounters"]> {
    this.#note = () => this.truth.countersApplied();
    return super.applyCounters(...args);
  }
  override sweep(collection: Collection, limit: number): ReturnType<MemoryPostgres["sweep"]> {
    this.#note = ({ removed }: { removed: number }) => removed > 0 && this.truth.swept();
    return super.sweep(collection, limit);
  }
  override setComplete(collection: Collection | null, complete: boolean): Promise<void> {
    this.#note = () => this.truth.completed();
    return super.setComplete(collection, complete);
  }
  override openFence(term: number): Promise<boolean> {
    this.#note = (opened: boolean) => opened && this.truth.opened("postgres", term);
    return super.openFence(term);
  }
  override closeFence(term: number, intact?: readonly Collection[]): Promise<boolean> {
    this.#note = (closed: boolean) => closed && this.truth.closed("postgres");
    return super.closeFence(term, intact);
  }

  /** For the look at the schema. */
  get sql() {
    return {
      unsafe: (query: string) =>
        this.control<unknown[]>("schema", () => (query.includes("to_regclass") ? [{ exists: true }] : MIGRATIONS)),
    };
  }

  /** The control tables' rows are another statement on the same connection. */
  control<T>(name: string, effect: () => T): Promise<T> {
    const { process, world } = this.link;
    return super.perform(name, () => {
      const result = effect();
      world.note(process, () => `postgres.${name} → ${brief(result)}`);
      return result;
    });
  }
}

function observe<T>(connection: Connection, name: string, effect: () => T, note: Note | null): T {
  let result: T | undefined;
  const run = () => {
    result = effect();
    note?.(result as never);
    return result;
  };
  return connection.world.effect(connection.process, () => `${name} → ${brief(result)}`, run);
}

const RUN_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** A result short enough for a trace. */
export function brief(value: unknown): string {
  const text = JSON.stringify(value, (_key, one) => {
    if (one?.type === "Buffer") return Buffer.from(one.data).toString();
    if (one instanceof Map) return Object.fromEntries(one);
    return one;
  });
  if (text === undefined) return "done";
  // A backfill's mark is another one each time.
  const told = text.replaceAll(/bf_[\w-]+/g, "bf_…").replaceAll(RUN_ID, "…");
  return told.length > 420 ? `${told.slice(0, 420)}…` : told;
}
