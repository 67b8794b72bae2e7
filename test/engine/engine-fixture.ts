/** One process's engine on in-memory stores, whose every step a test can hold up, fail, or use to let something else happen first. */
import { afterEach, beforeEach, vi } from "vitest";
import type { EngineContext, Policy } from "../../src/engine/context.js";
import { type DualWriteEvents, EventHub, type EventName } from "../../src/engine/events.js";
import { newHerd } from "../../src/engine/fallback.js";
import { InFlight } from "../../src/engine/in-flight.js";
import { LogClearer } from "../../src/engine/log-clearer.js";
import { TermView } from "../../src/engine/term-view.js";
import { Guard } from "../../src/stores/guard.js";
import { Operation } from "../../src/stores/operation.js";
import type { StoreName } from "../../src/stores/state.js";
import type { CounterAdd, Fence, RecordWrite } from "../../src/stores/store.js";
import { counts, items } from "../contract/contract-collections.js";
import { completeAdd, completeWrite } from "../contract/contract-harness.js";
import { MemoryPostgres } from "../memory/memory-postgres.js";
import { MemoryRedis } from "../memory/memory-redis.js";
import { MemoryPostgresServer } from "../memory/postgres-server.js";
import { MemoryRedisServer } from "../memory/redis-server.js";

/**
 * The file's tests run on a clock of their own, which jumps to the next timer whenever nothing else is left to do: a deadline costs no
 * time, and a busy machine changes nothing.
 */
export function onVirtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    vi.setTimerTickMode("nextTimerAsync");
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** What a store that is away answers. */
export function away(): Error {
  return Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
}
/** The connection broke after the effect: whether it happened is unknown. */
export function cutOff(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });
}

/** A store's method, as `redis.readRecords`. */
type Method = `${StoreName}.${string}`;

export class EngineFixture {
  readonly servers = { redis: new MemoryRedisServer(), postgres: new MemoryPostgresServer() };
  readonly redis: Guard<MemoryRedis>;
  readonly postgres: Guard<MemoryPostgres>;
  readonly context: EngineContext;
  readonly policy: { -readonly [K in keyof Policy]: Policy[K] } = { mirror: "awaited", fallback: true, compare: 0 };
  /** Methods in the order of their calls. */
  readonly calls: Method[] = [];
  /** Told events, by name. */
  readonly told: { [K in EventName]?: DualWriteEvents[K][] } = {};
  /** Called when the terms are to be settled. */
  readonly settle = vi.fn();
  readonly #once = new Map<string, (() => unknown)[]>();
  readonly #always = new Map<string, () => unknown>();

  constructor(options: Partial<Pick<EngineContext, "lookElsewhere" | "deadlines">> = {}) {
    const step = (name: string) => this.#step(name);
    // A breaker that never opens: its own tests are elsewhere.
    this.redis = new Guard(new MemoryRedis(this.servers.redis, { step }), { failures: 1000 });
    this.postgres = new Guard(new MemoryPostgres(this.servers.postgres, { step }), { failures: 1000 });
    const events = new EventHub();
    for (const name of Object.keys(events.counts) as EventName[]) {
      events.on(name, (event) => {
        this.told[name] = [...(this.told[name] ?? []), event] as never;
      });
    }
    this.context = {
      redis: this.redis,
      postgres: this.postgres,
      term: new TermView(
        () => this.redis,
        this.postgres,
        this.settle,
        () => [items, counts],
      ),
      policy: () => this.policy,
      deadlines: { read: 1000, write: 2000, mirror: 100 },
      events,
      clearer: new LogClearer(),
      bypassWriters: true,
      inFlight: new InFlight(100),
      herd: newHerd(),
      lookElsewhere: "incomplete",
      ...options,
    };
  }

  /** Redis reigns and Postgres mirrors (or the other way round), both complete unless said otherwise. */
  async reign(authority: StoreName, term = 1, incomplete: readonly StoreName[] = []): Promise<this> {
    for (const name of ["redis", "postgres"] as const) {
      const fence: Fence = {
        term,
        role: name === authority ? "authority" : "mirror",
        complete: !incomplete.includes(name),
      };
      await this[name].store.createFence(fence);
    }
    this.calls.length = 0;
    return this;
  }

  /** Redis lost everything: it reigns in `term` from an empty memory. */
  loseRedis(term: number, bareTrusted = true): void {
    this.servers.redis.flush();
    const { fence } = this.servers.postgres.control;
    if (fence) this.servers.postgres.control.fence = { ...fence, term };
    const { control, runId } = this.servers.redis;
    control.fence = {
      term,
      role: "authority",
      complete: false,
      exceptions: new Set(),
      agreed: true,
      runId,
      bareTrusted,
    };
  }

  /** The authority moves, as a handover leaves it. */
  move(to: StoreName, term: number): void {
    for (const name of ["redis", "postgres"] as const) {
      const { control } = this.servers[name];
      if (control.fence) control.fence = { ...control.fence, term, role: name === to ? "authority" : "mirror" };
    }
  }

  setFenceRole(store: StoreName, role: Fence["role"]): void {
    const { control } = this.servers[store];
    if (control.fence) control.fence = { ...control.fence, role };
  }

  /** Once, just before the next such call takes effect. */
  before(method: Method, what: () => unknown): void {
    this.#next(`${method}:call`, what);
  }
  /** Once, after the next such call took effect and before its answer arrives. */
  after(method: Method, what: () => unknown): void {
    this.#next(`${method}:answer`, what);
  }
  /** From now on, before each such call. */
  whenever(method: Method, what: () => unknown): void {
    this.#always.set(`${method}:call`, what);
  }

  /** Every call to the store is refused until the returned function is called. */
  outage(name: StoreName): () => void {
    const key = `${name}.*`;
    this.#always.set(key, () => {
      throw away();
    });
    return () => void this.#always.delete(key);
  }

  called(method: Method): number {
    return this.calls.filter((one) => one === method).length;
  }

  #next(step: string, what: () => unknown): void {
    this.#once.set(step, [...(this.#once.get(step) ?? []), what]);
  }

  async #step(name: string): Promise<void> {
    if (name.endsWith(":call")) {
      this.calls.push(name.slice(0, -":call".length) as Method);
      await this.#always.get(`${name.split(".")[0]}.*`)?.();
    }
    await this.#always.get(name)?.();
    await this.#once.get(name)?.shift()?.();
  }
}

/** A caller's operation; its timer doesn't keep the process. */
export function operation(deadlineMs = 1000, operationId?: string): Operation {
  return new Operation(operationId === undefined ? undefined : { operationId }, deadlineMs);
}

export const fail = (error: Error) => () => {
  throw error;
};
/** Longer than a deadline that was forgotten, shorter than any that is given. */
export const slowly = () => new Promise<void>((resolve) => setTimeout(resolve, 15));
export const never = () => new Promise<never>(() => {});

export function write(id: string, more: Partial<RecordWrite> = {}): RecordWrite {
  return completeWrite({ id, ...more });
}
export function add(id: string, by = 1, more: Partial<CounterAdd> = {}): CounterAdd {
  return completeAdd({ id, by, ...more });
}
