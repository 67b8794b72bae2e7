/** Wires the layers of one opened store together and runs what works in the background. */
import type { Logger } from "pino";
import { builtinCollections } from "../collections/builtin.js";
import type { Clock } from "../collections/ports.js";
import { Comparison } from "../engine/comparison.js";
import type { EngineContext, Policy } from "../engine/context.js";
import type { BoundCounters } from "../engine/define-counters.js";
import type { BoundRecords } from "../engine/define-records.js";
import { Drainer } from "../engine/drainer.js";
import { EventHub } from "../engine/events.js";
import { newHerd } from "../engine/fallback.js";
import { InFlight } from "../engine/in-flight.js";
import { LogClearer } from "../engine/log-clearer.js";
import { TermView } from "../engine/term-view.js";
import { AuthorityUnavailableError, SchemaOutOfDateError, StrategyError } from "../errors.js";
import { applySchema, checkSchema } from "../schema/migrate.js";
import type { Guard } from "../stores/guard.js";
import { ControlRecords } from "../stores/postgres/control-records.js";
import type { PostgresStore } from "../stores/postgres/postgres-store.js";
import type { RedisSide } from "../stores/sides.js";
import type { StoreName } from "../stores/state.js";
import { isTransient } from "../stores/transient-errors.js";
import { Fleet } from "../strategy/fleet.js";
import type { FleetContext } from "../strategy/fleet-context.js";
import { setAside } from "../strategy/set-aside.js";
import { type StrategyName, strategies } from "../strategy/strategies.js";
import { sweepNowAndThen } from "../strategy/sweep.js";
import { type ConnectedStores, connectRedis, connectStores, guarded } from "./connect-stores.js";
import { recordDivergences } from "./divergence-record.js";
import { logEvents } from "./logging.js";
import type { ResolvedOptions } from "./options.js";

interface Identity {
  readonly processId: string;
  readonly host: string;
  readonly pid: number;
  readonly logger: Logger;
}

export class Runtime {
  readonly events = new EventHub();
  readonly engine: EngineContext;
  readonly comparison: Comparison;
  readonly drainer: Drainer;
  readonly fleet: Fleet;
  readonly collections: Readonly<Record<string, BoundRecords<unknown> | BoundCounters>>;
  readonly clock: Clock = { now: () => Date.now() + this.#clockOffset };
  readonly #options: ResolvedOptions;
  readonly #identity: Identity;
  readonly #evidence: ControlRecords;
  readonly #term: TermView;
  #redis: Guard<RedisSide> | null;
  readonly #postgresGuard: Guard<PostgresStore>;
  #clockOffset = 0;
  #upkeep: NodeJS.Timeout | undefined;
  #schemaReady = false;
  /** The first look at the schema, begun with the connections. */
  #checking: Promise<void> | undefined;
  #sweeping: (() => Promise<void>) | undefined;

  private constructor(options: ResolvedOptions, identity: Identity, { redis, postgres, schema }: ConnectedStores) {
    this.#options = options;
    this.#checking = schema;
    this.#identity = identity;
    this.#redis = redis && guarded<RedisSide>(options, redis);
    this.#postgresGuard = guarded(options, postgres);
    this.#evidence = new ControlRecords(postgres.sql);
    this.#term = new TermView(
      () => this.#redis,
      this.#postgresGuard,
      () => this.fleet.poke(),
      () => Object.values(this.collections),
    );
    const definitions = { ...builtinCollections({ zone: options.zone }), ...options.collections };
    this.collections = Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [
        name,
        definition.bind({ prefix: options.keyPrefix }) as BoundRecords<unknown> | BoundCounters,
      ]),
    );
    const samples = () => ({ ...this.comparison.counts });
    this.fleet = new Fleet(() => this.fleetContext(), options.strategy, { ...identity, samples });
    const self = this;
    this.engine = {
      get redis() {
        return self.#redis;
      },
      postgres: this.#postgresGuard,
      term: this.#term,
      policy: () => this.#policy(),
      deadlines: options.deadlines,
      events: this.events,
      clearer: new LogClearer(),
      inFlight: new InFlight(options.maxInFlight),
      herd: newHerd(),
      lookElsewhere: options.lookElsewhere,
      bypassWriters: options.bypassWriters,
    };
    this.comparison = new Comparison(this.engine);
    this.drainer = new Drainer(this.engine, {
      processId: identity.processId,
      collections: Object.values(this.collections),
      redis: () => this.#redis,
      refuse: () => setAside(this.fleetContext()),
    });
    logEvents(this.events, identity.logger);
    recordDivergences(this.events, this.#evidence);
  }

  static async connect(options: ResolvedOptions, identity: Identity): Promise<Runtime> {
    const stores = await connectStores(options);
    try {
      return new Runtime(options, identity, stores);
    } catch (error) {
      await Promise.allSettled([stores.redis?.close(), stores.postgres.close()]);
      throw error;
    }
  }

  fleetContext(): FleetContext {
    return {
      processId: this.#identity.processId,
      redis: this.#redis,
      postgres: this.#postgresGuard,
      collections: Object.values(this.collections),
      term: this.#term,
      evidence: this.#evidence,
      events: this.events,
    };
  }

  /** Schema, lease, first look; resolves once an authority is known. */
  async start(settleMs: number): Promise<void> {
    await this.#prepareSchema();
    await this.fleet.join();
    await this.fleet.start();
    const until = performance.now() + settleMs;
    while (!this.#term.reign) {
      if (performance.now() > until) {
        throw new AuthorityUnavailableError(
          `No authority was found: waiting for ${this.fleet.waitingFor ?? "the term to be settled"}. Check that the stores are reachable.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
      await this.fleet.tick();
    }
    if (this.fleet.redisGivenUp && !strategies[this.fleet.strategy].redisOptional) {
      throw new StrategyError(
        `Redis was given up, so ${this.fleet.strategy} can't be followed. Take Redis back first, or start with POSTGRES_ONLY.`,
      );
    }
    await this.#keepUp();
    this.#sweeping = sweepNowAndThen(() => this.fleetContext());
    this.drainer.start();
    this.#upkeep = setInterval(() => void this.#keepUp(), 1000);
    this.#upkeep.unref();
  }

  /** Follows another strategy; connects to Redis again where it is needed. */
  async follow(strategy: StrategyName): Promise<void> {
    await this.#connectRedis();
    if (!this.#redis && !strategies[strategy].redisOptional) {
      throw new StrategyError(
        `${strategy} needs Redis, but ${this.fleet.redisGivenUp ? "it was given up: take it back first" : "the option `redis` isn't set"}.`,
      );
    }
    this.fleet.follow(strategy);
    await this.fleet.tick();
  }

  /** Resolves when `authority` reigns, or only other processes hold that up. */
  async untilSettled(authority: StoreName, timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.#term.reign?.authority !== authority && performance.now() < until) {
      await this.fleet.tick();
      if (this.fleet.waitsForOthers) return;
      if (this.#term.reign?.authority !== authority) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#upkeep);
    const finished = this.engine.inFlight.close();
    await this.#sweeping?.();
    await finished;
    await this.comparison.settled();
    await this.drainer.stop();
    await this.engine.clearer.settled();
    await this.fleet.stop();
    this.#redis?.stop();
    this.#postgresGuard.stop();
    await Promise.allSettled([this.#redis?.store.close(), this.#postgresGuard.store.close()]);
  }

  #policy(): Policy {
    const { mirror, fallback, compare } = strategies[this.fleet.strategy];
    return { mirror, fallback, compare: compare ? this.#options.compareReads : 0 };
  }

  async #prepareSchema(): Promise<void> {
    const { store } = this.#postgresGuard;
    const begun = this.#checking;
    this.#checking = undefined;
    try {
      if (this.#options.schema === "apply") await applySchema(store.sql);
      else await (begun ?? checkSchema((text) => store.run(text)));
      this.#schemaReady = true;
    } catch (error) {
      const optional = strategies[this.fleet.strategy].postgresOptional;
      if (optional && (isTransient(error) || error instanceof SchemaOutOfDateError)) {
        this.#identity.logger.warn({ err: error }, "Postgres isn't ready; Redis serves alone until it is");
      } else if (isTransient(error)) {
        // A fleet that runs already goes on without its mirror; whether it can is settled by the fences.
        this.#identity.logger.warn({ err: error }, "Postgres doesn't answer; its schema is checked when it does");
      } else throw error;
    }
  }

  async #connectRedis(): Promise<void> {
    if (this.#redis || this.fleet.redisGivenUp) return;
    const redis = await connectRedis(this.#options);
    this.#redis = redis && guarded<RedisSide>(this.#options, redis);
  }

  /** What must be looked at again and again: the schema that wasn't ready, the clock, a Redis that was given up or taken back. */
  async #keepUp(): Promise<void> {
    if (!this.#schemaReady) await this.#prepareSchema().catch(() => {});
    if (this.fleet.redisGivenUp && this.#redis) {
      const redis = this.#redis;
      this.#redis = null;
      redis.stop();
      await redis.store.close();
    }
    // Another strategy may be followed just before a Redis is let go that was taken back meanwhile. One that is away is tried again.
    if (!strategies[this.fleet.strategy].redisOptional) await this.#connectRedis().catch(() => {});
    const authority = this.#term.reign?.authority === "redis" ? this.#redis : this.#postgresGuard;
    const sent = Date.now();
    try {
      const now = (await authority?.attempt((store) => store.now(), 500)) ?? sent;
      const received = Date.now();
      // The server's clock was read somewhere between; a slow answer tells little, so the last offset stands.
      if (received - sent < 100) this.#clockOffset = now - Math.round((sent + received) / 2);
    } catch {
      // Away: the last offset stands.
    }
  }
}
