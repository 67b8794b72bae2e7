/** What callers give to records: options, ids and moments, and their checks. */
import { ValidationError } from "../errors.js";
import type { CallOptions } from "../stores/operation.js";

/** Options of a write. */
export interface WriteOptions extends CallOptions {
  /** The moment from which the record is a miss: a Date, or milliseconds since the epoch; null: never. @default null for `put`, what stands for `update` */
  readonly expiresAt?: Date | number | null;
}

/** Options of `create`. */
export interface CreateOptions extends WriteOptions {
  /** Ids of which nothing live may stand either, such as other spellings of this one. */
  readonly unless?: readonly string[];
}

/** Options of an update. */
export interface UpdateOptions<T> extends CallOptions {
  /** As for a write, or worked out from the changed value. @default what stands */
  readonly expiresAt?: WriteOptions["expiresAt"] | ((value: T) => WriteOptions["expiresAt"]);
}

/** @throws ValidationError */
export function checkId(id: string): void {
  if (typeof id !== "string" || id.length === 0 || id.length > 1024 || id.includes("\u0000")) {
    throw new ValidationError([{ path: "id", message: "an id is a text of 1 to 1024 characters without NUL" }]);
  }
}

/** Milliseconds since the epoch. @throws ValidationError */
export function toMoment(expiresAt: Date | number | null | undefined): number | null | undefined {
  if (expiresAt === undefined || expiresAt === null) return expiresAt;
  const ms = typeof expiresAt === "number" ? expiresAt : expiresAt.getTime();
  if (!Number.isFinite(ms) || ms < 0 || ms > 8.64e15) {
    throw new ValidationError([
      { path: "expiresAt", message: "a Date, or milliseconds since the epoch; null for never" },
    ]);
  }
  return Math.floor(ms);
}
