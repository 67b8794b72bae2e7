/** What an in-memory Redis knows of its own memory: whose run the fence speaks for, what was lost, who does which task. */
import type { Collection } from "../../src/stores/collection.js";
import { type LastFence, type MemoryClaim, REFILL } from "../../src/stores/sides.js";
import type { Fence } from "../../src/stores/store.js";
import { portFence, type StoredFence, withComplete } from "./control.js";
import { MemoryStore } from "./memory-store.js";
import type { MemoryRedisServer } from "./redis-server.js";

export abstract class MemoryRedisControl extends MemoryStore<MemoryRedisServer> {
  readonly name = "redis";

  /** None, if it speaks for another run's memory. */
  protected override standing(): StoredFence | null {
    const { fence } = this.server.control;
    return fence?.runId === this.server.runId ? fence : null;
  }

  protected override newFence(fence: StoredFence): StoredFence {
    return { ...fence, agreed: fence.agreed ?? true, runId: this.server.runId, bareTrusted: false };
  }

  /** A confirmed tombstone begins its retention. */
  protected override confirmed(collection: Collection, id: string): void {
    const key = collection.redisKey(id);
    const companion = this.server.memory.records.get(key);
    if (collection.kind !== "records" || !companion || companion.bytes !== null) return;
    this.server.memory.records.set(key, { ...companion, goneAt: this.server.now() + this.server.retentionMs });
  }

  /** What became of the memory that the fence speaks for. */
  memoryLost(): Promise<"no" | "some" | "all"> {
    return this.perform("memoryLost", () => {
      const { fence } = this.server.control;
      return fence ? (fence.runId === this.server.runId ? "no" : "some") : "all";
    });
  }

  /** Speaks for this run's memory: only where no fence is, another run's, a lower term's, or this term's that Postgres wasn't asked about. */
  claimMemory(claim: MemoryClaim): Promise<Fence> {
    return this.perform("claimMemory", () => {
      const { control, runId } = this.server;
      const held = control.fence;
      // What was lost is judged here: the claimer looked some time ago.
      const bareTrusted = !held || (held.runId === runId && (held.bareTrusted ?? false));
      const claimed: StoredFence = { ...claim, exceptions: new Set(), runId, bareTrusted };
      const yields =
        held?.runId !== runId || held.term < claim.term || (held.term === claim.term && held.agreed === false);
      const stands = held && !yields ? held : claimed;
      control.fence = stands;
      if (stands === claimed) this.server.memory.tasks.delete(REFILL);
      return portFence(stands);
    });
  }

  /** The term of the fence, whoever's run wrote it. */
  lastFence(): Promise<LastFence | null> {
    return this.perform("lastFence", () => {
      const { fence } = this.server.control;
      return fence && { term: fence.term, role: fence.role };
    });
  }

  /** Marks these complete if the fence is still in `term` and no memory was lost since `refiller` took the task. */
  setCompleteInTerm(collections: readonly Collection[], term: number, refiller: string): Promise<boolean> {
    return this.perform("setCompleteInTerm", () => {
      const fence = this.standing();
      if (fence?.term !== term || !this.#has(REFILL, refiller)) return false;
      const whole = collections.reduce((held, { name }) => withComplete(held, name, true), fence);
      this.server.control.fence = { ...whole, bareTrusted: false };
      return true;
    });
  }

  /** Whether no legacy key stands. */
  isEmpty(): Promise<boolean> {
    return this.perform("isEmpty", () =>
      [...this.server.memory.keys.keys()].every((key) => this.server.get(key) === undefined),
    );
  }

  /** Takes a task, or renews it. */
  claimTask(task: string, owner: string, ttlMs: number): Promise<boolean> {
    return this.perform("claimTask", () => {
      const { tasks } = this.server.memory;
      const held = tasks.get(task);
      if (held && held.owner !== owner && !this.server.isPast(held.until)) return false;
      tasks.set(task, { owner, until: this.server.now() + ttlMs });
      return true;
    });
  }

  /** Renews a task that the owner still has. */
  renewTask(task: string, owner: string, ttlMs: number): Promise<boolean> {
    return this.perform("renewTask", () => {
      if (!this.#has(task, owner)) return false;
      this.server.memory.tasks.set(task, { owner, until: this.server.now() + ttlMs });
      return true;
    });
  }

  #has(task: string, owner: string): boolean {
    const held = this.server.memory.tasks.get(task);
    return held?.owner === owner && !this.server.isPast(held.until);
  }
}
