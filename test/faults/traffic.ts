/** Continuous traffic of several kinds on several stores, which remembers what was acknowledged. */
import { expect } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { waitFor } from "../support/wait-for.js";
import { append, ledger, ledgers, type Past } from "./support.js";

/** Writers that use whatever store stands in their slot now, and remember what was acknowledged. */
export class Traffic {
  readonly slots: DualWriteStore[];
  readonly refused: unknown[] = [];
  readonly shared: string[] = [];
  readonly own = new Map<string, string[] | null>();
  counted = 0;
  operations = 0;
  #stopped = false;
  readonly #writers: Promise<void>[];

  constructor(stores: readonly DualWriteStore[]) {
    this.slots = [...stores];
    this.#writers = stores.flatMap((_, slot) => [
      this.#loop(slot, (n) => this.#appendShared(`s${slot}-${n}`, slot)),
      this.#loop(slot, (n) => this.#changeOwn(`own-${slot}-${n % 5}`, n, slot)),
      this.#loop(slot, (n) => this.#count(`u${slot}-${n}`, slot)),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }

  /** Waits for `count` more operations. */
  async some(count: number): Promise<void> {
    const before = this.operations;
    await waitFor(() => this.operations > before + count || this.refused.length > 0, {
      what: `${count} more operations`,
      timeoutMs: 20_000,
    });
  }

  async #loop(slot: number, work: (n: number) => Promise<void>): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      try {
        await work(n);
        this.operations++;
      } catch (error) {
        this.refused.push({ slot, strategy: this.#at(slot).strategy, error });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #at(slot: number): DualWriteStore {
    return this.slots[slot] as DualWriteStore;
  }

  async #appendShared(op: string, slot: number): Promise<void> {
    await append(this.#at(slot), "shared", op);
    this.shared.push(op);
  }

  /** Each key has one writer, so what must stand is known after each operation; it is read back at once, too. */
  async #changeOwn(id: string, n: number, slot: number): Promise<void> {
    const held = this.own.get(id);
    const op = `o${slot}-${n}`;
    if (n % 7 === 3) {
      await ledgers(this.#at(slot)).delete(id, { operationId: op });
      this.own.set(id, null);
    } else if (!held) {
      await ledgers(this.#at(slot)).put(id, ledger(op), { operationId: op });
      this.own.set(id, [op]);
    } else {
      await append(this.#at(slot), id, op);
      this.own.set(id, [...held, op]);
    }
    const read = await ledgers(this.#at(slot)).read(id);
    if (read.kind === "error") throw read.error;
    if (!read.fallback) expect(read.kind === "hit" ? read.value.ops : null).toEqual(this.own.get(id));
  }

  async #count(op: string, slot: number): Promise<void> {
    await this.#at(slot).usage.track({ userId: "counted" }, { operationId: op });
    this.counted++;
    // Said again, as a client does that lost the answer.
    if (this.counted % 3 === 0) await this.#at(slot).usage.track({ userId: "counted" }, { operationId: op });
  }

  /** Nothing was refused, and both stores hold exactly what was acknowledged. */
  async expectKept(past: Past): Promise<void> {
    expect(this.refused).toEqual([]);
    const { redis } = await past.record("shared");
    expect([...(redis.value?.ops ?? [])].sort()).toEqual([...this.shared].sort());
    await past.expectRecord("shared", redis.value);
    for (const [id, ops] of this.own) await past.expectRecord(id, ops && ledger(...ops));
    await past.expectCounter("counted", this.counted);
    expect(this.operations).toBeGreaterThan(100);
  }
}
