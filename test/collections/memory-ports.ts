/** The repositories' ports over a Map: legacy keys and bytes as Redis would hold them, failures on request. */
import type {
  Clock,
  Counters,
  CreateOptions,
  ReadOutcome,
  RecordEntry,
  Records,
  UpdateOptions,
  WriteOptions,
} from "../../src/collections/ports.js";
import type { BoundCounters } from "../../src/engine/define-counters.js";
import type { BoundRecords } from "../../src/engine/define-records.js";
import { AuthorityUnavailableError } from "../../src/errors.js";

export class ManualClock implements Clock {
  constructor(public time: number) {}
  now(): number {
    return this.time;
  }
}

export class MemoryRecords<T> implements Records<T> {
  /** Legacy key → bytes and end. */
  readonly held = new Map<string, { bytes: Buffer; expiresAt: number | null }>();
  /** Ids whose reads fail; with `*` all do, and lookups by an index as well. */
  readonly failing = new Set<string>();
  /** Every call that came, with what was asked for. */
  readonly calls: { method: string; ids: string[]; options?: unknown }[] = [];
  /** Runs between the read and the write of an update. */
  meanwhile: (() => void) | undefined;

  constructor(
    readonly collection: BoundRecords<T>,
    readonly clock: Clock,
  ) {}

  /** Puts a legacy key there, as another program would. */
  seed(key: string, json: string, expiresAt: number | null = null): void {
    this.held.set(key, { bytes: Buffer.from(json), expiresAt });
  }

  text(id: string): string | undefined {
    return this.held.get(this.collection.redisKey(id))?.bytes.toString();
  }

  expiresAt(id: string): number | null | undefined {
    return this.held.get(this.collection.redisKey(id))?.expiresAt;
  }

  async get(id: string, options?: unknown): Promise<T | null> {
    const outcome = this.#read("get", id, options);
    if (outcome.kind === "error") throw outcome.error;
    return outcome.kind === "hit" ? outcome.value : null;
  }

  async read(id: string): Promise<ReadOutcome<T>> {
    return this.#read("read", id);
  }

  async getMany(ids: readonly string[]): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for (const id of ids) {
      const value = await this.get(id);
      if (value !== null) found.set(id, value);
    }
    return found;
  }

  async readMany(ids: readonly string[], options?: unknown): Promise<ReadOutcome<T>[]> {
    this.calls.push({ method: "readMany", ids: [...ids], options });
    return ids.map((id) => this.#outcome(id));
  }

  async put(id: string, value: T, options?: WriteOptions): Promise<void> {
    this.calls.push({ method: "put", ids: [id], options });
    this.#write({ id, value, expiresAt: options?.expiresAt });
  }

  async putMany(entries: readonly RecordEntry<T>[], options?: unknown): Promise<void> {
    this.calls.push({ method: "putMany", ids: entries.map(({ id }) => id), options });
    for (const entry of entries) this.#write(entry);
  }

  async create(id: string, value: T, options?: CreateOptions): Promise<boolean> {
    this.calls.push({ method: "create", ids: [id], options });
    if ([id, ...(options?.unless ?? [])].some((one) => this.#live(one))) return false;
    this.#write({ id, value, expiresAt: options?.expiresAt });
    return true;
  }

  async update(id: string, change: (value: T) => T, options?: UpdateOptions<T>): Promise<T | null> {
    this.calls.push({ method: "update", ids: [id], options });
    return this.#change(() => id, change, options)?.value ?? null;
  }

  async updateBy(
    index: string,
    value: string,
    change: (value: T, id: string) => T,
    options?: UpdateOptions<T>,
  ): Promise<{ id: string; value: T } | null> {
    this.calls.push({ method: "updateBy", ids: [`${index}=${value}`], options });
    return this.#change(() => this.#find(index, value), change, options);
  }

  async deleteBy(index: string, value: string, options?: unknown): Promise<boolean> {
    this.calls.push({ method: "deleteBy", ids: [`${index}=${value}`], options });
    const id = this.#find(index, value);
    return id !== null && this.held.delete(this.collection.redisKey(id));
  }

  async delete(id: string): Promise<boolean> {
    this.calls.push({ method: "delete", ids: [id] });
    const stood = this.#live(id) !== undefined;
    this.held.delete(this.collection.redisKey(id));
    return stood;
  }

  async findBy(index: string, value: string, options?: unknown): Promise<{ id: string; value: T } | null> {
    this.calls.push({ method: "findBy", ids: [`${index}=${value}`], options });
    const id = this.#find(index, value);
    const live = id === null ? undefined : this.#live(id);
    return id !== null && live ? { id, value: this.collection.decode(id, live.bytes) } : null;
  }

  #find(index: string, value: string): string | null {
    if (this.failing.has("*")) throw new AuthorityUnavailableError("not reachable");
    for (const [key, { bytes }] of this.held) {
      const id = this.collection.parseKey(key);
      if (id !== null && this.#live(id) && this.collection.indexes[index]?.valueOf(id, bytes) === value) return id;
    }
    return null;
  }

  /** Compare-and-set of the record that `find` gives, again from the start if it changed meanwhile. */
  #change(
    find: () => string | null,
    change: (value: T, id: string) => T,
    options?: UpdateOptions<T>,
  ): { id: string; value: T } | null {
    for (;;) {
      const id = find();
      const live = id === null ? undefined : this.#live(id);
      if (id === null || !live) return null;
      const value = change(this.collection.decode(id, live.bytes), id);
      const meanwhile = this.meanwhile;
      this.meanwhile = undefined;
      meanwhile?.();
      if (this.#live(id) !== live) continue;
      const given = options?.expiresAt;
      const expiresAt = typeof given === "function" ? given(value) : given;
      this.#write({ id, value, expiresAt: expiresAt === undefined ? live.expiresAt : expiresAt });
      return { id, value };
    }
  }

  #read(method: string, id: string, options?: unknown): ReadOutcome<T> {
    this.calls.push({ method, ids: [id], options });
    return this.#outcome(id);
  }

  #outcome(id: string): ReadOutcome<T> {
    const from = { store: "redis", fallback: false } as const;
    if (this.failing.has(id) || this.failing.has("*")) {
      return { kind: "error", error: new AuthorityUnavailableError("not reachable"), ...from };
    }
    const live = this.#live(id);
    if (!live) return { kind: "miss", ...from };
    try {
      return { kind: "hit", value: this.collection.decode(id, live.bytes), ...from };
    } catch (error) {
      return { kind: "error", error: error as Error, ...from };
    }
  }

  #live(id: string) {
    const held = this.held.get(this.collection.redisKey(id));
    return held && (held.expiresAt === null || held.expiresAt > this.clock.now()) ? held : undefined;
  }

  #write({ id, value, expiresAt }: RecordEntry<T>): void {
    const moment = expiresAt === undefined || expiresAt === null ? null : Number(expiresAt);
    this.held.set(this.collection.redisKey(id), { bytes: this.collection.encode(id, value), expiresAt: moment });
  }
}

export class MemoryCounters implements Counters {
  /** Legacy key → sum. */
  readonly held = new Map<string, number>();
  readonly calls: { ids: string[]; options?: unknown }[] = [];
  readonly #operations = new Set<string>();

  constructor(readonly collection: BoundCounters) {}

  async add(
    entries: readonly { readonly id: string; readonly by: number }[],
    options?: { operationId?: string },
  ): Promise<Map<string, number>> {
    this.calls.push({ ids: entries.map(({ id }) => id), options });
    const repeated = options?.operationId !== undefined && this.#operations.has(options.operationId);
    if (options?.operationId !== undefined) this.#operations.add(options.operationId);
    for (const { id, by } of entries) {
      const key = this.collection.redisKey(id);
      if (!repeated) this.held.set(key, (this.held.get(key) ?? 0) + by);
    }
    return this.getMany(entries.map(({ id }) => id));
  }

  async get(id: string): Promise<number> {
    return this.held.get(this.collection.redisKey(id)) ?? 0;
  }

  async getMany(ids: readonly string[]): Promise<Map<string, number>> {
    return new Map(ids.map((id) => [id, this.held.get(this.collection.redisKey(id)) ?? 0]));
  }
}
