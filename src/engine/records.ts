/** A record collection as its users see it: typed values over the byte-level engine. */
import { AuthorityUnavailableError, ValidationError } from "../errors.js";
import type { CallOptions, Operation } from "../stores/operation.js";
import { changeByIndex } from "./change-by-index.js";
import type { Comparison } from "./comparison.js";
import type { EngineContext } from "./context.js";
import type { BoundRecords } from "./define-records.js";
import { findByIndex } from "./index-lookup.js";
import { firstOrCancelled, mapHit, orCancelled, type ReadOutcome, readCancelled } from "./outcome.js";
import { type CreateOptions, checkId, toMoment, type UpdateOptions, type WriteOptions } from "./record-inputs.js";
import { readRecords, readValue } from "./record-reader.js";
import { type Changed, changeRecord, readAuthorityWithin, writeRecords } from "./record-writer.js";

export class Records<T> {
  readonly #context: EngineContext;
  readonly #collection: BoundRecords<T>;
  readonly #comparison: Comparison;

  constructor(context: EngineContext, collection: BoundRecords<T>, comparison: Comparison) {
    this.#context = context;
    this.#collection = collection;
    this.#comparison = comparison;
  }

  get name(): string {
    return this.#collection.name;
  }

  /** The value, or null if there is none. @throws AuthorityUnavailableError when that can't be known */
  async get(id: string, options?: CallOptions): Promise<T | null> {
    checkId(id);
    const { inFlight, deadlines } = this.#context;
    const operation = inFlight.begin(options, deadlines.read);
    try {
      const read = readValue(this.#context, this.#collection, id, operation);
      const outcome = await (operation.cancel ? firstOrCancelled(operation, read) : read);
      if (this.#comparison.isOn) this.#comparison.sample(this.#collection, [id], [outcome]);
      return outcome.kind === "hit" ? this.#collection.decode(id, outcome.value) : valueOrThrow(outcome);
    } finally {
      inFlight.end();
    }
  }

  /** The value with its outcome: hit, miss or error, from which store, fallback or not. Never throws for an unreachable store. */
  async read(id: string, options?: CallOptions): Promise<ReadOutcome<T>> {
    const [outcome] = await this.readMany([id], options);
    return outcome as ReadOutcome<T>;
  }

  /** The values found, by id. @throws AuthorityUnavailableError when one can't be known */
  async getMany(ids: readonly string[], options?: CallOptions): Promise<Map<string, T>> {
    const outcomes = await this.readMany(ids, options);
    const found = new Map<string, T>();
    ids.forEach((id, i) => {
      const value = valueOrThrow(outcomes[i] as ReadOutcome<T>);
      if (value !== null) found.set(id, value);
    });
    return found;
  }

  /** One outcome for each id, in order. */
  async readMany(ids: readonly string[], options?: CallOptions): Promise<ReadOutcome<T>[]> {
    for (const id of ids) checkId(id);
    const distinct = ids.length < 2 ? ids : [...new Set(ids)];
    const outcomes = await this.#context.inFlight.run(options, this.#context.deadlines.read, (operation) =>
      orCancelled(operation, distinct.length, readRecords(this.#context, this.#collection, distinct, operation)),
    );
    this.#comparison.sample(this.#collection, distinct, outcomes);
    const decoded = outcomes.map((outcome, i) =>
      mapHit(outcome, (bytes) => this.#collection.decode(distinct[i] as string, bytes)),
    );
    if (distinct.length === ids.length) return decoded;
    const byId = new Map(distinct.map((id, i) => [id, decoded[i] as ReadOutcome<T>]));
    return ids.map((id) => byId.get(id) as ReadOutcome<T>);
  }

  /** Writes the value whatever stands. */
  async put(id: string, value: T, options?: WriteOptions): Promise<void> {
    this.#checkWritable(id);
    const bytes = this.#collection.encode(id, value);
    const expiresAt = toMoment(options?.expiresAt) ?? null;
    const { inFlight, deadlines } = this.#context;
    const operation = inFlight.begin(options, deadlines.write);
    try {
      const write = { id, bytes, expiresAt, operationId: operation.id };
      await writeRecords(this.#context, this.#collection, [write], operation);
    } finally {
      inFlight.end();
    }
  }

  /** Writes several records in one step of the authority: all of them or none. */
  async putMany(
    entries: readonly { readonly id: string; readonly value: T; readonly expiresAt?: Date | number | null }[],
    options?: CallOptions,
  ): Promise<void> {
    for (const { id } of entries) this.#checkWritable(id);
    const encoded = entries.map(({ id, value, expiresAt }) => ({
      id,
      bytes: this.#collection.encode(id, value),
      expiresAt: toMoment(expiresAt) ?? null,
    }));
    await this.#context.inFlight.run(options, this.#context.deadlines.write, (operation) =>
      writeRecords(
        this.#context,
        this.#collection,
        encoded.map((one) => ({ ...one, operationId: operation.id })),
        operation,
      ),
    );
  }

  /** Writes the value only where nothing live stands. False: something does. */
  async create(id: string, value: T, options?: CreateOptions): Promise<boolean> {
    this.#checkWritable(id);
    const bytes = this.#collection.encode(id, value);
    const expiresAt = toMoment(options?.expiresAt) ?? null;
    return this.#write(options, async (operation) => {
      for (const other of options?.unless ?? []) {
        const held = await readAuthorityWithin(this.#context, this.#collection, other, operation);
        if (held.kind === "value") return false;
      }
      const changed = await changeRecord(this.#context, this.#collection, id, operation, (present) =>
        present ? "leave" : { bytes, expiresAt },
      );
      return changed.kind !== "left";
    });
  }

  /**
   * Reads, changes and writes, again from the start if another change came between; `change` may so be called several times.
   * Returns the value that now stands, or null if there is none to change.
   * @throws ConflictError when other changes keep coming first until the deadline
   */
  async update(id: string, change: (value: T) => T, options?: UpdateOptions<T>): Promise<T | null> {
    this.#checkWritable(id);
    return this.#write(options, async (operation) => {
      const changed = await changeRecord(this.#context, this.#collection, id, operation, (present) =>
        present ? this.#next(id, present, change, options) : "leave",
      );
      return this.#standing(id, changed);
    });
  }

  /**
   * The same for the record that has this second key. The lookup and the change are one operation: both have its deadline, and
   * what is changed still has the key.
   */
  async updateBy(
    index: string,
    value: string,
    change: (value: T, id: string) => T,
    options?: UpdateOptions<T>,
  ): Promise<{ id: string; value: T } | null> {
    return this.#write(options, async (operation) => {
      const changed = await changeByIndex(this.#context, this.#collection, index, value, operation, (id, present) =>
        this.#next(id, present, (before) => change(before, id), options),
      );
      const standing = changed && this.#standing(changed.id, changed);
      return changed && standing !== null ? { id: changed.id, value: standing } : null;
    });
  }

  /** Deletes; false if nothing stood. Leaves a tombstone in either case, so that nothing older comes back. */
  async delete(id: string, options?: CallOptions): Promise<boolean> {
    this.#checkWritable(id);
    return this.#write(options, async (operation) => {
      const changed = await changeRecord(this.#context, this.#collection, id, operation, () => GONE);
      return changed.kind === "repeated" || changed.before !== null;
    });
  }

  /** Deletes the record that has this second key; false if there is none. */
  async deleteBy(index: string, value: string, options?: CallOptions): Promise<boolean> {
    return this.#write(options, async (operation) => {
      const changed = await changeByIndex(this.#context, this.#collection, index, value, operation, () => GONE);
      return changed !== null;
    });
  }

  /**
   * Finds a record by one of its indexes.
   * @throws AuthorityUnavailableError when it can't be known that there is none
   */
  async findBy(index: string, value: string, options?: CallOptions): Promise<{ id: string; value: T } | null> {
    const found = await this.#context.inFlight.run(options, this.#context.deadlines.read, (operation) =>
      operation.orCancelled(findByIndex(this.#context, this.#collection, index, value, operation), readCancelled),
    );
    return found && { id: found.id, value: this.#collection.decode(found.id, found.bytes) };
  }

  /** A record is written only under the id that its key leads back to; others would be lost to every reader of the keyspace. */
  #checkWritable(id: string): void {
    checkId(id);
    const key = this.#collection.redisKey(id);
    const back = this.#collection.parseKey(key);
    if (back === id) return;
    const reason = back === null ? "isn't the normal form of an id" : `would be read back as "${back}"`;
    throw new ValidationError([{ path: "id", message: `"${id}" ${reason} in ${this.#collection.name}` }]);
  }

  #write<R>(options: CallOptions | undefined, work: (operation: Operation) => Promise<R>): Promise<R> {
    return this.#context.inFlight.run(options, this.#context.deadlines.write, work);
  }

  #next(id: string, present: Buffer, change: (value: T) => T, options: UpdateOptions<T> | undefined) {
    const value = change(this.#collection.decode(id, present));
    const given = options?.expiresAt;
    const expiresAt = toMoment(typeof given === "function" ? given(value) : given);
    return {
      bytes: this.#collection.encode(id, value),
      expiresAt: expiresAt === undefined ? ("keep" as const) : expiresAt,
    };
  }

  #standing(id: string, { state }: Changed): T | null {
    return state?.bytes ? this.#collection.decode(id, state.bytes) : null;
  }
}

/** What a delete writes. */
const GONE = { bytes: null, expiresAt: null } as const;

function valueOrThrow<T>(outcome: ReadOutcome<T>): T | null {
  switch (outcome.kind) {
    case "hit":
      return outcome.value;
    case "miss":
      return null;
    case "error":
      throw outcome.error instanceof Error
        ? outcome.error
        : new AuthorityUnavailableError("The read failed.", { cause: outcome.error });
  }
}
