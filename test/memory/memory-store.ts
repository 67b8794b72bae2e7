/** The part of the port that both in-memory stores do alike: named steps, fence, repair log, leases, clock. */
import type { Collection } from "../../src/stores/collection.js";
import type { StoreName } from "../../src/stores/state.js";
import type { Fence, Fenced, HeldRecord, Lease, LogEntry, LogStatus, Page } from "../../src/stores/store.js";
import { portFence, type StoredFence, storedFence, withComplete } from "./control.js";
import type { MemoryServer } from "./memory-server.js";

/** Awaited before each effect (`redis.writeRecords:call`) and after it (`redis.writeRecords:answer`); may delay or throw. */
export type Step = (name: string) => Promise<void>;

export interface MemoryStoreOptions {
  readonly step?: Step;
  /** Entries a collection's repair log holds before it becomes one mark. @default 1_000_000 */
  readonly logLimit?: number;
}

export interface Adopt {
  readonly term: number;
  readonly mode: "changed" | "bare";
}

/** The answer of a read. */
export type Seen<T> = Promise<{ fence: Fence | null; held: T[] }>;

/** What is brought to a store. */
export type States<T> = readonly { readonly id: string; readonly state: T }[];

export abstract class MemoryStore<Server extends MemoryServer> {
  abstract readonly name: StoreName;
  readonly #step: Step;
  protected readonly logLimit: number;
  #closed = false;

  constructor(
    readonly server: Server,
    options: MemoryStoreOptions = {},
  ) {
    this.#step = options.step ?? (async () => {});
    this.logLimit = options.logLimit ?? 1_000_000;
  }

  /** One port method: its effect happens at one moment, between the call on its way and the answer on its way. */
  protected async perform<T>(name: string, effect: () => T): Promise<T> {
    if (this.#closed) throw new Error(`The ${this.name} store is closed.`);
    await this.#step(`${this.name}.${name}:call`);
    const result = effect();
    await this.#step(`${this.name}.${name}:answer`);
    return result;
  }

  /** The fence, where it speaks for this server's memory. */
  protected standing(): StoredFence | null {
    return this.server.control.fence;
  }

  protected fenceFor(collection?: Collection): Fence | null {
    const fence = this.standing();
    return fence && portFence(fence, collection && [collection.name]);
  }

  /** Runs `decide` only as the open authority in `term`. */
  protected asAuthority<T>(collection: Collection, term: number, decide: (fence: StoredFence) => T[]): Fenced<T> {
    const fence = this.standing();
    if (!fence || fence.term !== term || fence.role !== "authority")
      return { fenced: true, fence: this.fenceFor(collection) };
    return { fenced: false, results: decide(fence) };
  }

  /** Runs `take` unless `term` is below the fence's; a higher one raises it. */
  protected asMirror<T>(collection: Collection, term: number, take: (fence: StoredFence) => T[]): Fenced<T> {
    const fence = this.standing();
    if (!fence || term < fence.term) return { fenced: true, fence: this.fenceFor(collection) };
    return { fenced: false, results: take(this.raised(fence, term)) };
  }

  protected raised(fence: StoredFence, term: number): StoredFence {
    if (term <= fence.term) return fence;
    const raised: StoredFence = { ...fence, term, role: "mirror" };
    this.server.control.fence = raised;
    return raised;
  }

  readLog(collection: Collection, limit: number): Promise<LogEntry[]> {
    return this.perform("readLog", () => this.server.control.entries(collection.name).slice(0, limit));
  }

  clearLog(collection: Collection, entries: readonly LogEntry[]): Promise<void> {
    return this.perform("clearLog", () => {
      for (const entry of entries) {
        if (this.server.control.clear(collection.name, entry)) this.confirmed(collection, entry.id);
      }
    });
  }

  /** The mirror has what the entry told of. */
  protected abstract confirmed(collection: Collection, id: string): void;

  logStatus(collection: Collection): Promise<LogStatus> {
    return this.perform("logStatus", () => {
      const { control } = this.server;
      const entries = control.entries(collection.name);
      const oldest = entries[0];
      const lagMs = oldest ? Math.max(0, this.server.now() - Math.floor(oldest.stamp / 1000)) : 0;
      return { entries: entries.length, lagMs, overflowed: control.hasOverflowed(collection.name) };
    });
  }

  loggedCollections(): Promise<string[]> {
    return this.perform("loggedCollections", () => this.server.control.logged());
  }

  readFence(collections?: readonly Collection[]): Promise<Fence | null> {
    return this.perform("readFence", () => {
      const fence = this.standing();
      const names = collections?.map(({ name }) => name);
      return fence && portFence(fence, names);
    });
  }

  createFence(fence: Fence): Promise<Fence> {
    return this.perform("createFence", () => {
      const stands = this.server.control.fence ?? this.newFence(storedFence(fence));
      this.server.control.fence = stands;
      return portFence(stands);
    });
  }

  protected newFence(fence: StoredFence): StoredFence {
    return fence;
  }

  closeFence(term: number, intact: readonly Collection[] = []): Promise<boolean> {
    return this.perform("closeFence", () => {
      const fence = this.standing();
      if (fence?.term !== term || fence.role === "mirror") return false;
      const lacks = intact.some(({ name }) => this.server.control.hasOverflowed(name));
      if (fence.role === "authority" && lacks) return false;
      this.server.control.fence = { ...fence, role: "closed" };
      return true;
    });
  }

  openFence(term: number): Promise<boolean> {
    return this.perform("openFence", () => {
      const fence = this.standing();
      if (fence && fence.term < term) {
        this.server.control.fence = { ...fence, term, role: "authority" };
        return true;
      }
      return fence?.term === term && fence.role === "authority";
    });
  }

  raiseFence(term: number): Promise<void> {
    return this.perform("raiseFence", () => {
      const fence = this.standing();
      if (fence) this.raised(fence, term);
    });
  }

  setComplete(collection: Collection | null, complete: boolean): Promise<void> {
    return this.perform("setComplete", () => {
      const fence = this.standing();
      if (fence) this.server.control.fence = withComplete(fence, collection?.name ?? null, complete);
    });
  }

  putLease(lease: Lease, ttlMs: number): Promise<void> {
    return this.perform(
      "putLease",
      () => void this.server.control.leases.set(lease.processId, { lease, until: this.server.now() + ttlMs }),
    );
  }

  dropLease(processId: string): Promise<void> {
    return this.perform("dropLease", () => void this.server.control.leases.delete(processId));
  }

  readLeases(): Promise<Lease[]> {
    return this.perform("readLeases", () =>
      [...this.server.control.leases.values()]
        .filter(({ until }) => !this.server.isPast(until))
        .map(({ lease }) => lease),
    );
  }

  now(): Promise<number> {
    return this.perform("now", () => this.server.now());
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The first `limit` ids after `after`, in the order of the ids. */
  protected page<T>(
    ids: readonly string[],
    after: string | null,
    limit: number,
    hold: (id: string) => T,
  ): Page<{ id: string; held: T }> {
    const rest = ids.filter((id) => after === null || id > after).sort();
    const page = rest.slice(0, limit);
    return {
      items: page.map((id) => ({ id, held: hold(id) })),
      next: rest.length > limit ? (page.at(-1) ?? null) : null,
    };
  }
}

/** What `readValues` gives of what stands. */
export function liveValues({ fence, held }: Awaited<Seen<HeldRecord>>) {
  const values = held.map((one) => (one.kind === "value" ? one.bytes : one.kind === "unreadable" ? undefined : null));
  return { fence, values };
}
