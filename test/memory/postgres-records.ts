/** What a Postgres does to one record in one step. */
import type { RecordCollection } from "../../src/stores/collection.js";
import { isNewer, nextStamp, RECORD_OPERATIONS, type RecordState, rememberOperation } from "../../src/stores/state.js";
import type { ApplyResult, Expected, HeldRecord, RecordWrite, RecordWriteResult } from "../../src/stores/store.js";
import { isComplete, type StoredFence } from "./control.js";
import type { MemoryPostgresServer } from "./postgres-server.js";

export class PostgresRecords {
  readonly #rows: Map<string, RecordState>;

  constructor(
    readonly server: MemoryPostgresServer,
    readonly collection: RecordCollection,
    readonly fence: StoredFence | null,
    readonly logLimit: number,
  ) {
    this.#rows = server.records(collection);
  }

  get ids(): string[] {
    return [...this.#rows.keys()];
  }

  hold(id: string): HeldRecord {
    const row = this.#rows.get(id);
    if (!row) return { kind: "absent" };
    if (row.bytes === null) return { kind: "tombstone", ...row, compared: true };
    if (this.server.isPast(row.expiresAt)) return { kind: "expired", ...row, compared: true };
    return { kind: "value", ...row, bytes: row.bytes, bypass: false, compared: true };
  }

  /** Live records by an index, the newest first. */
  find(index: string, value: string): string[] {
    const indexed = this.collection.indexes[index];
    return [...this.#rows]
      .filter(([id, row]) => this.#live(row) && row.bytes !== null && indexed?.valueOf(id, row.bytes) === value)
      .sort(([, a], [, b]) => b.stamp - a.stamp)
      .map(([id]) => id);
  }

  /** An operation of several records is done whole or not at all. */
  writeAll(writes: readonly RecordWrite[]): RecordWriteResult[] {
    const suspect = new Set(writes.filter((write) => this.#isSuspect(write)).map(({ operationId }) => operationId));
    const refused = new Map<string, string>();
    for (const { id, bytes, operationId } of writes) {
      const reason = this.#refusal(id, bytes);
      if (reason !== null) refused.set(operationId, reason);
    }
    return writes.map((write) => {
      if (suspect.has(write.operationId)) return { kind: "suspect" };
      return this.#write(write, refused.get(write.operationId) ?? null);
    });
  }

  /** What is missing in an incomplete authority may stand in the other store. */
  #isSuspect({ id, compared }: RecordWrite): boolean {
    const complete = this.fence !== null && isComplete(this.fence, this.collection.name);
    return !complete && !compared && !this.#rows.has(id);
  }

  #write(write: RecordWrite, reason: string | null): RecordWriteResult {
    const row = this.#rows.get(write.id);
    if (row?.operations.includes(write.operationId)) return { kind: "repeated", state: row };
    if (write.expected && !this.#stands(row, write.expected)) return { kind: "conflict" };
    if (reason !== null) return { kind: "rejected", reason };
    const kept = this.#live(row)?.expiresAt ?? null;
    const state: RecordState = {
      stamp: nextStamp("postgres", this.server.micros(), row?.stamp ?? 0),
      bytes: write.bytes,
      expiresAt: write.bytes === null ? null : write.expiresAt === "keep" ? kept : write.expiresAt,
      operations: rememberOperation(row?.operations ?? [], write.operationId, RECORD_OPERATIONS),
    };
    this.#rows.set(write.id, state);
    this.server.log(this.collection, write.id, state.stamp, this.logLimit);
    return { kind: "written", state };
  }

  apply(id: string, given: RecordState): ApplyResult {
    const row = this.#rows.get(id);
    const state = given.bytes === null ? { ...given, expiresAt: null } : given;
    if (row && !isNewer(state.stamp, row.stamp)) {
      return { kind: "kept", stamp: row.stamp, same: state.stamp === row.stamp && sameContent(row, state) };
    }
    const reason = this.#refusal(id, state.bytes);
    if (reason !== null) return { kind: "rejected", reason };
    this.#rows.set(id, state);
    return { kind: "applied" };
  }

  /** A value that hasn't expired. */
  #live(row: RecordState | undefined): RecordState | null {
    return row && row.bytes !== null && !this.server.isPast(row.expiresAt) ? row : null;
  }

  /** The bytes matter where the stamp alone doesn't tell. */
  #stands(row: RecordState | undefined, expected: Expected): boolean {
    if (expected.stamp !== (row?.stamp ?? 0)) return false;
    const bytes = this.#live(row)?.bytes ?? null;
    if (expected.bytes === null || bytes === null) return bytes === expected.bytes;
    return (expected.stamp > 0 && !expected.bypass) || bytes.equals(expected.bytes);
  }

  /** Why the table wouldn't take a value; null if it does. */
  #refusal(id: string, bytes: Buffer | null): string | null {
    if (bytes === null) return null;
    try {
      this.collection.project(id, bytes);
      return this.server.refuses(this.collection, id, bytes);
    } catch (error) {
      return (error as Error).message;
    }
  }
}

function sameContent(a: RecordState, b: RecordState): boolean {
  if (a.bytes === null || b.bytes === null) return a.bytes === b.bytes;
  return a.bytes.equals(b.bytes) && a.expiresAt === b.expiresAt;
}
