/** Continuous traffic of several kinds on several stores, which remembers what was acknowledged. */
import { expect } from "vitest";
import {
  AuthorityUnavailableError,
  ConflictError,
  DeadlineExceededError,
  type DualWriteError,
  type DualWriteStore,
  OutcomeUnknownError,
} from "../../src/index.js";
import { waitFor } from "../support/wait-for.js";
import { append, ledger, ledgers, type Past } from "./support.js";

export interface TrafficOptions {
  /** Whether what failed is said again, with its id, until it is acknowledged: for outages. @default false */
  readonly patient?: boolean;
}

interface Refusal {
  readonly slot: number;
  readonly strategy: string;
  readonly error: unknown;
}

/** What a write may fail with while its authority is away. */
const HONEST = [AuthorityUnavailableError, ConflictError, DeadlineExceededError, OutcomeUnknownError];

/** Writers that use whatever store stands in their slot now, and remember what was acknowledged. */
export class Traffic {
  readonly slots: DualWriteStore[];
  /** Writes that weren't acknowledged, and reads that weren't answered, when they were asked for. */
  readonly refused: Refusal[] = [];
  readonly unread: Refusal[] = [];
  readonly shared: string[] = [];
  readonly own = new Map<string, string[] | null>();
  counted = 0;
  operations = 0;
  /** Times that Postgres couldn't be told while it was the mirror: what Redis then acknowledged alone may go with its memory. */
  onlyInRedis = 0;
  readonly #patient: boolean;
  #stopped = false;
  #abandoned = false;
  readonly #writers: Promise<void>[];

  constructor(stores: readonly DualWriteStore[], options: TrafficOptions = {}) {
    this.slots = [...stores];
    this.#patient = options.patient ?? false;
    for (const store of stores)
      store.on("mirrorFailure", ({ mirror }) => (this.onlyInRedis += Number(mirror === "postgres")));
    this.#writers = stores.flatMap((_, slot) => [
      this.#loop(slot, (n) => this.#appendShared(`s${slot}-${n}`, slot)),
      this.#loop(slot, (n) => this.#changeOwn(`own-${slot}-${n % 5}`, n, slot)),
      this.#loop(slot, (n) => this.#count(`u${slot}-${n}`, slot)),
    ]);
  }

  /** Resolves when each writer's last operation is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }

  /** The same, but what fails isn't said again: nothing of it is looked at any more. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    await this.stop();
  }

  /** Waits for `count` more operations. */
  async some(count: number): Promise<void> {
    const before = this.operations;
    await waitFor(() => this.operations > before + count || (!this.#patient && this.refused.length > 0), {
      what: `${count} more operations`,
      timeoutMs: 20_000,
    });
  }

  /** Waits until `count` more writes weren't acknowledged. */
  async someRefused(count: number): Promise<void> {
    const before = this.refused.length;
    await waitFor(() => this.refused.length >= before + count, { what: `${count} refusals`, timeoutMs: 20_000 });
  }

  async #loop(slot: number, work: (n: number) => Promise<void>): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      while (!(await this.#tried(slot, () => work(n), this.refused)) && this.#patient && !this.#abandoned);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async #tried(slot: number, work: () => Promise<void>, failures: Refusal[]): Promise<boolean> {
    try {
      await work();
      this.operations++;
      return true;
    } catch (error) {
      failures.push({ slot, strategy: this.#at(slot).strategy, error });
      return false;
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
    await this.#tried(slot, () => this.#readOwn(id, slot), this.unread);
  }

  async #readOwn(id: string, slot: number): Promise<void> {
    const read = await ledgers(this.#at(slot)).read(id);
    if (read.kind === "error") throw read.error;
    if (!read.fallback) expect(read.kind === "hit" ? read.value.ops : null).toEqual(this.own.get(id));
  }

  async #count(op: string, slot: number): Promise<void> {
    await this.#at(slot).usage.track({ userId: "counted" }, { operationId: op });
    this.counted++;
    // Said again, as a client does that lost the answer.
    if (this.counted % 3 === 0) await this.#tried(slot, () => this.#countAgain(op, slot), this.refused);
  }

  async #countAgain(op: string, slot: number): Promise<void> {
    await this.#at(slot).usage.track({ userId: "counted" }, { operationId: op });
  }

  /** Every write was acknowledged and every read answered when it was asked for. */
  expectServed(): void {
    expect([...this.refused, ...this.unread]).toEqual([]);
  }

  /** Whatever failed said so in a way that a caller can act on: nothing was applied, or repeat it with its id. */
  expectHonest(): void {
    for (const { error } of this.refused) {
      if (!HONEST.some((kind) => error instanceof kind))
        throw new Error(`A write failed with ${error}`, { cause: error });
      const { operationId, message } = error as DualWriteError;
      expect(operationId, message).toMatch(/^[sou]\d-\d+$/);
    }
    for (const { error } of this.unread) {
      if (!(error instanceof AuthorityUnavailableError))
        throw new Error(`A read failed with ${error}`, { cause: error });
    }
  }

  /** Both stores hold exactly what was acknowledged. */
  async expectKept(past: Past): Promise<void> {
    const { redis } = await past.record("shared");
    expect([...(redis.value?.ops ?? [])].sort()).toEqual([...this.shared].sort());
    await past.expectRecord("shared", redis.value);
    for (const [id, ops] of this.own) await past.expectRecord(id, ops && ledger(...ops));
    await past.expectCounter("counted", this.counted);
    expect(this.operations).toBeGreaterThan(100);
  }
}

/** Attempts of a scenario that a stalling machine may spoil. */
const ATTEMPTS = 3;

/**
 * Runs a scenario about writes that both stores acknowledged. It begins again where Postgres, as the mirror, couldn't be told in
 * time, as on a machine that stalls: such a write is Redis's alone, so what becomes of it is not what the scenario is about.
 */
export async function acknowledgedByBoth(
  scenario: () => Promise<Traffic>,
  expectKept: (traffic: Traffic) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const traffic = await scenario();
    if (traffic.onlyInRedis === 0) return expectKept(traffic);
  }
  throw new Error(`Postgres couldn't be told in time in any of ${ATTEMPTS} attempts.`);
}
