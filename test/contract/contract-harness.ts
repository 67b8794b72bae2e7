/** What a store brings to the contract, and short ways to call it. */
import { afterEach, beforeEach, expect } from "vitest";
import type { CounterState, RecordState } from "../../src/stores/state.js";
import type {
  ApplyResult,
  CounterAdd,
  CounterAddResult,
  Fenced,
  HeldCounter,
  HeldRecord,
  RecordWrite,
  RecordWriteResult,
  Store,
} from "../../src/stores/store.js";
import { waitFor } from "../support/wait-for.js";
import { counts, item, items } from "./contract-collections.js";

export interface StoreHarness<S extends Store = Store> {
  /** A client of a server that holds nothing, not even a fence. */
  readonly store: S;
  /** Moves the server's clock on. Absent: it is a real one, to be waited for. */
  readonly advance?: (ms: number) => void;
  /** Redis: says that the items' index is built. */
  readonly markIndexed?: () => Promise<void>;
  close(): Promise<void>;
}

export interface MakeOptions {
  /** The store's own option. */
  readonly logLimit?: number;
}

export type MakeStore<H extends StoreHarness = StoreHarness> = (options?: MakeOptions) => Promise<H>;

/** A harness for each test of the surrounding `describe`. */
export function useHarness<H extends StoreHarness>(make: MakeStore<H>, options?: MakeOptions): () => Calls<H> {
  let calls: Calls<H> | undefined;
  beforeEach(async () => {
    calls = new Calls(await make(options));
  });
  afterEach(async () => {
    await calls?.harness.close();
    calls = undefined;
  });
  return () => calls as Calls<H>;
}

let operations = 0;

/** An operation id that nobody used. */
export function operation(): string {
  return `operation-${++operations}`;
}

type WriteInput = Partial<RecordWrite> & { readonly id: string };
type AddInput = Partial<CounterAdd> & { readonly id: string };

/** Single-item calls with defaults; `term` is 1 unless given. */
export class Calls<H extends StoreHarness = StoreHarness> {
  constructor(readonly harness: H) {}

  get store(): H["store"] {
    return this.harness.store;
  }

  async beAuthority(term = 1, complete = true): Promise<void> {
    await this.store.createFence({ term, role: "authority", complete });
  }

  async beMirror(term = 1, complete = true): Promise<void> {
    await this.store.createFence({ term, role: "mirror", complete });
  }

  async write(input: WriteInput, term = 1): Promise<RecordWriteResult> {
    return only(await this.store.writeRecords(items, term, [completeWrite(input)]));
  }

  /** Writes and gives the state that stands. */
  async put(input: WriteInput, term = 1): Promise<RecordState> {
    const result = await this.write(input, term);
    expect(result.kind).toBe("written");
    return (result as { state: RecordState }).state;
  }

  async apply(id: string, state: Partial<RecordState> & { readonly stamp: number }, term = 1): Promise<ApplyResult> {
    return only(await this.store.applyRecords(items, term, [{ id, state: recordState(state) }]));
  }

  async read(id: string): Promise<HeldRecord> {
    return (await this.store.readRecords(items, [id])).held[0] as HeldRecord;
  }

  async inspect(id: string, mode?: "changed" | "bare", term = 1): Promise<HeldRecord> {
    return (await this.store.inspectRecords(items, [id], mode && { term, mode })).held[0] as HeldRecord;
  }

  async tryAdd(input: AddInput, term = 1): Promise<CounterAddResult> {
    return only(await this.store.addToCounters(counts, term, [completeAdd(input)]));
  }

  /** Counts and gives the state that stands. */
  async add(input: AddInput, term = 1): Promise<CounterState> {
    const result = await this.tryAdd(input, term);
    expect(result.kind).toBe("added");
    return (result as { state: CounterState }).state;
  }

  async applyCount(id: string, state: Partial<CounterState>, term = 1): Promise<ApplyResult> {
    return only(await this.store.applyCounters(counts, term, [{ id, state: counterState(state) }]));
  }

  async count(id: string): Promise<HeldCounter> {
    return (await this.store.readCounters(counts, [id])).held[0] as HeldCounter;
  }

  async inspectCount(id: string, mode?: "changed" | "bare", term = 1): Promise<HeldCounter> {
    return (await this.store.inspectCounters(counts, [id], mode && { term, mode })).held[0] as HeldCounter;
  }

  /** What a counter stands at; 0 where it is absent. */
  async sum(id: string): Promise<number> {
    const held = await this.count(id);
    expect(held.kind).not.toBe("unreadable");
    return held.kind === "value" ? held.redisPart + held.postgresPart : 0;
  }

  /** The stamp of an id's repair-log entry; null where it has none. */
  async logged(id: string, collection: typeof items | typeof counts = items): Promise<number | null> {
    return (await this.store.readLog(collection, 1000)).find((entry) => entry.id === id)?.stamp ?? null;
  }

  /** A moment `ms` from now by the server's clock. */
  async soon(ms = 40): Promise<number> {
    return (await this.store.now()) + ms;
  }

  /** Resolves once the server's clock has passed a moment. */
  async pass(moment: number): Promise<void> {
    const { advance } = this.harness;
    if (advance) advance(moment - (await this.store.now()) + 1);
    await waitFor(async () => (await this.store.now()) > moment, { what: `the server's clock to pass ${moment}` });
  }
}

export function completeWrite(input: WriteInput): RecordWrite {
  return { bytes: item("red"), expiresAt: null, operationId: operation(), ...input };
}

export function completeAdd(input: AddInput): CounterAdd {
  return { by: 1, operationId: operation(), ttlMs: null, renew: false, ...input };
}

export function recordState(state: Partial<RecordState> & { readonly stamp: number }): RecordState {
  return { bytes: item("red"), expiresAt: null, operations: [], ...state };
}

export function counterState(state: Partial<CounterState>): CounterState {
  return { generation: 1000, redisPart: 0, postgresPart: 0, stamp: 1000, expiresAt: null, operations: [], ...state };
}

/** The single result of a step that wasn't refused. */
function only<T>(answer: Fenced<T>): T {
  expect(answer).toMatchObject({ fenced: false });
  const results = (answer as { results: T[] }).results;
  expect(results).toHaveLength(1);
  return results[0] as T;
}
