/** The facade that a backend embeds: opens both stores, follows a strategy, and hands out the repositories. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { pino } from "pino";
import type { builtinCollections } from "../collections/builtin.js";
import { SubscriptionsRepository } from "../collections/subscriptions-repository.js";
import { UsageRepository } from "../collections/usage-repository.js";
import { UsersRepository } from "../collections/users-repository.js";
import { Counters } from "../engine/counter-set.js";
import type { BoundCounters, CountersDefinition } from "../engine/define-counters.js";
import type { BoundRecords, RecordsDefinition } from "../engine/define-records.js";
import type { DualWriteEvents, EventName } from "../engine/events.js";
import { Records } from "../engine/records.js";
import { GateRefusedError, StrategyError } from "../errors.js";
import { OLD_SIDE } from "../strategy/gate.js";
import { areNeighbours, parseStrategy, type StrategyName, strategies } from "../strategy/strategies.js";
import { type Health, readHealth } from "./health.js";
import { type CollectionDefinition, type DualWriteOptions, resolveOptions } from "./options.js";
import { Runtime } from "./runtime.js";
import { followSource } from "./source-follower.js";

type Opened<D> = D extends RecordsDefinition<infer T> ? Records<T> : D extends CountersDefinition ? Counters : never;
type Builtin = ReturnType<typeof builtinCollections>;

/** Every collection by its name: records have get, put, update, delete; counters have add and get. */
export type OpenedCollections<C> = { readonly [K in keyof Builtin]: Opened<Builtin[K]> } & {
  readonly [K in keyof C]: Opened<C[K]>;
};

export interface SetStrategyOptions {
  /** Why; kept with the decision. Required with `force`. */
  readonly reason?: string;
  /** Pass although checks of the gate fail. */
  readonly force?: boolean;
}

/** How long `open` waits for an authority, and `setStrategy` for a handover. Milliseconds. */
const SETTLE_MS = 10_000;

/**
 * @example
 * const store = await DualWriteStore.open({
 *   redis: process.env.REDIS_URL,
 *   postgres: process.env.DATABASE_URL,
 *   strategy: fromEnv("DUAL_WRITE_STRATEGY"),
 * });
 * await store.subscriptions.grantPremium({ email: "ada@example.com" }, { plan: "pro", days: 30 });
 * const access = await store.subscriptions.checkAccess({ email: "ada@example.com" });
 * await store.close();
 */
export class DualWriteStore<C extends Record<string, CollectionDefinition> = Record<never, never>> {
  readonly users: UsersRepository;
  readonly subscriptions: SubscriptionsRepository;
  readonly usage: UsageRepository;
  readonly collections: OpenedCollections<C>;
  readonly #runtime: Runtime;
  #unwatch: (() => void) | undefined;
  #closing: Promise<void> | null = null;

  private constructor(runtime: Runtime, zone: string) {
    this.#runtime = runtime;
    const { engine, comparison, clock } = runtime;
    const opened: Record<string, Records<unknown> | Counters> = {};
    for (const [name, collection] of Object.entries(runtime.collections)) {
      opened[name] =
        collection.kind === "records"
          ? new Records(engine, collection as BoundRecords<unknown>, comparison)
          : new Counters(engine, collection as BoundCounters, comparison);
    }
    this.collections = opened as OpenedCollections<C>;
    const { users, subscriptions, usage } = this.collections as unknown as OpenedCollections<Record<never, never>>;
    this.users = new UsersRepository({ records: users, clock, zone });
    this.subscriptions = new SubscriptionsRepository({ records: subscriptions, clock, zone });
    this.usage = new UsageRepository({ counters: usage, clock });
  }

  /**
   * Connects, checks or applies the schema, joins the fleet, and resolves once an authority is known.
   * @throws ConfigurationError with everything that is wrong in the options
   * @throws StrategyError for an unknown strategy, or while processes two stages away are alive
   * @throws SchemaOutOfDateError
   * @throws AuthorityUnavailableError when no store answers within ten seconds
   */
  static async open<C extends Record<string, CollectionDefinition> = Record<never, never>>(
    options: DualWriteOptions<C>,
  ): Promise<DualWriteStore<C>> {
    const resolved = resolveOptions(options as DualWriteOptions<Record<string, CollectionDefinition>>);
    const logger = resolved.logger ?? pino({ name: "dual-write-store", level: "warn" });
    const runtime = await Runtime.connect(resolved, {
      processId: randomUUID(),
      host: hostname(),
      pid: process.pid,
      logger,
    });
    try {
      await runtime.start(SETTLE_MS);
    } catch (error) {
      await runtime.close();
      throw error;
    }
    const store = new DualWriteStore<C>(runtime, resolved.zone);
    const followed = {
      get strategy() {
        return store.strategy;
      },
      follow: async (next: StrategyName) => {
        await store.#checkNeighbours(next);
        await runtime.follow(next);
      },
    };
    store.#unwatch = await followSource(resolved.source, followed, logger);
    return store;
  }

  /** The strategy that this process follows. */
  get strategy(): StrategyName {
    return this.#runtime.fleet.strategy;
  }

  /**
   * Follows another strategy from now on; operations in flight finish under the one they began with. Resolves once the authority
   * is where the strategy wants it, or waits for other processes only.
   * @throws StrategyError if it isn't a neighbour of the present one
   * @throws GateRefusedError if the authority would move and a check fails; nothing changed
   */
  async setStrategy(next: StrategyName, options: SetStrategyOptions = {}): Promise<void> {
    const { fleet } = this.#runtime;
    const { evidence, processId } = this.#runtime.fleetContext();
    const name = parseStrategy(next, "setStrategy");
    const present = this.strategy;
    if (name === present) return;
    await this.#checkNeighbours(name);
    if (options.force && !options.reason?.trim())
      throw new StrategyError(
        "A forced passage needs a reason, which is kept: setStrategy(name, { force: true, reason }).",
      );
    const to = strategies[name].authority;
    const moves = strategies[present].authority !== to;
    if (moves) {
      // Others may still be on the old side: the fleet waits for them. Everything else must hold now.
      const checks = (await fleet.gate(to)).filter((check) => check.name !== OLD_SIDE);
      if (checks.some((check) => !check.passed) && !options.force) throw new GateRefusedError(checks);
    }
    const reason = options.reason ?? "setStrategy";
    // Where the authority stays, no gate is passed.
    const passage = moves && (options.force ?? false);
    const decision = evidence.recordDecision({
      what: passage ? "forced-passage" : "flip",
      strategy: name,
      reason,
      forced: passage,
      process: processId,
    });
    // A forced passage is known by its record; a plain flip is only noted there.
    if (passage) await decision;
    else await decision.catch(() => {});
    await this.#runtime.follow(name);
    if (moves) await this.#runtime.untilSettled(to, SETTLE_MS);
  }

  /** Reachability, authority, lag and what this process waits for. Never throws. */
  health(): Promise<Health> {
    const { engine, fleet, collections, comparison } = this.#runtime;
    return readHealth(engine, fleet, Object.values(collections), comparison.counts);
  }

  /** Works off the repair logs until both are empty. @throws the signal's reason */
  async drain(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#runtime.drainer.drain(options.signal);
  }

  /** Listens to an event; returns a function that stops it. */
  on<K extends EventName>(name: K, listener: (event: DualWriteEvents[K]) => void): () => void {
    return this.#runtime.events.on(name, listener);
  }

  /** Finishes what is in flight, leaves the fleet and disconnects. Calling it again waits for the same end. */
  close(): Promise<void> {
    this.#unwatch?.();
    this.#closing ??= this.#runtime.close();
    return this.#closing;
  }

  /** @throws StrategyError unless `name` is next to the present strategy and to those of all other processes */
  async #checkNeighbours(name: StrategyName): Promise<void> {
    const present = this.strategy;
    const { fleet } = this.#runtime;
    const { processId } = this.#runtime.fleetContext();
    if (!areNeighbours(name, present)) {
      throw new StrategyError(
        `From ${present} the strategy can't become ${name}: it is two or more stages away. Take the stages one after another.`,
      );
    }
    const apart = (await fleet.leases()).filter(
      (lease) => lease.processId !== processId && !areNeighbours(lease.strategy as StrategyName, name),
    );
    if (apart.length > 0) {
      throw new StrategyError(
        `The strategy can't become ${name} while ${apart.map((lease) => `${lease.host}:${lease.pid} (${lease.strategy})`).join(", ")} run two or more stages away.`,
      );
    }
  }
}
