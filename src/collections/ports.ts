/** What the repositories need of the engine. The engine's `Records` and `Counters` have this shape; tests bring their own. */
import type { ReadOutcome } from "../engine/outcome.js";
import type { CreateOptions, UpdateOptions, WriteOptions } from "../engine/record-inputs.js";
import type { CallOptions } from "../stores/operation.js";

export type { ReadOutcome } from "../engine/outcome.js";
export type { CreateOptions, UpdateOptions, WriteOptions } from "../engine/record-inputs.js";
export type { CallOptions } from "../stores/operation.js";

/** One record of `putMany`. */
export interface RecordEntry<T> {
  readonly id: string;
  readonly value: T;
  readonly expiresAt?: Date | number | null;
}

/** A collection of records. Ids are taken literally: nothing normalises them here. */
export interface Records<T> {
  /** @throws when it can't be known whether there is one */
  get(id: string, options?: CallOptions): Promise<T | null>;
  read(id: string, options?: CallOptions): Promise<ReadOutcome<T>>;
  getMany(ids: readonly string[], options?: CallOptions): Promise<Map<string, T>>;
  /** One outcome for each id, in order. */
  readMany(ids: readonly string[], options?: CallOptions): Promise<ReadOutcome<T>[]>;
  put(id: string, value: T, options?: WriteOptions): Promise<void>;
  /** All at once, as one operation. */
  putMany(entries: readonly RecordEntry<T>[], options?: CallOptions): Promise<void>;
  /** False: something live stands already, there or under one of `unless`. */
  create(id: string, value: T, options?: CreateOptions): Promise<boolean>;
  /** Compare-and-set: `change` may be called several times. Returns what stands then, null if there is nothing to change. */
  update(id: string, change: (value: T) => T, options?: UpdateOptions<T>): Promise<T | null>;
  /** The same for the record that has this second key, looked up within the operation. */
  updateBy(
    index: string,
    value: string,
    change: (value: T, id: string) => T,
    options?: UpdateOptions<T>,
  ): Promise<{ id: string; value: T } | null>;
  /** False: nothing stood. */
  delete(id: string, options?: CallOptions): Promise<boolean>;
  deleteBy(index: string, value: string, options?: CallOptions): Promise<boolean>;
  /** @throws when it can't be known whether there is one */
  findBy(index: string, value: string, options?: CallOptions): Promise<{ id: string; value: T } | null>;
}

/** A collection of counters. */
export interface Counters {
  /** Adds to all of them together; returns what each stands at. */
  add(
    entries: readonly { readonly id: string; readonly by: number }[],
    options?: CallOptions,
  ): Promise<Map<string, number>>;
  get(id: string, options?: CallOptions): Promise<number>;
  getMany(ids: readonly string[], options?: CallOptions): Promise<Map<string, number>>;
}

/** The authority's clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}
