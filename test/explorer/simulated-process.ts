/** One application process: its own connections, guards, view of the term, fleet membership, engine and drainer. */
import { Comparison } from "../../src/engine/comparison.js";
import type { Deadlines, EngineContext } from "../../src/engine/context.js";
import { Counters } from "../../src/engine/counter-set.js";
import { Drainer } from "../../src/engine/drainer.js";
import { EventHub } from "../../src/engine/events.js";
import { newHerd } from "../../src/engine/fallback.js";
import { InFlight } from "../../src/engine/in-flight.js";
import { LogClearer } from "../../src/engine/log-clearer.js";
import { mapHit, type ReadOutcome } from "../../src/engine/outcome.js";
import { readValue } from "../../src/engine/record-reader.js";
import { Records } from "../../src/engine/records.js";
import { TermView } from "../../src/engine/term-view.js";
import { StrategyError } from "../../src/errors.js";
import { Guard } from "../../src/stores/guard.js";
import { Operation } from "../../src/stores/operation.js";
import type { PostgresSide, RedisSide } from "../../src/stores/sides.js";
import type { StoreName } from "../../src/stores/state.js";
import { Fleet } from "../../src/strategy/fleet.js";
import type { FleetContext } from "../../src/strategy/fleet-context.js";
import { setAside } from "../../src/strategy/set-aside.js";
import { type StrategyName, strategies } from "../../src/strategy/strategies.js";
import { collections, counters, type Lineage, records } from "./collections.js";
import { type EvidenceTables, ExplorerEvidence } from "./evidence.js";
import { ExplorerPostgres, ExplorerRedis } from "./explorer-stores.js";
import type { Truth } from "./truth.js";
import { Connection, type World } from "./world.js";

export const DEADLINES: Deadlines = { read: 500, write: 1500, mirror: 150 };
/** How long a process waits for an authority before it starts all the same. Milliseconds. */
const SETTLE_MS = 3000;

export interface ProcessOptions {
  readonly compare: number;
}

export class SimulatedProcess {
  readonly postgres: Guard<PostgresSide>;
  readonly fleet: Fleet;
  readonly engine: EngineContext;
  readonly records: Records<Lineage>;
  readonly counters: Counters;
  readonly evidence: FleetContext["evidence"];
  readonly #truth: Truth;
  readonly #comparison: Comparison;
  readonly #drainer: Drainer;
  readonly #connections: Connection[] = [];
  #redis: Guard<RedisSide> | null = null;
  #upkeep: NodeJS.Timeout | undefined;
  state: "starting" | "serving" | "closing" | "gone" = "starting";

  constructor(
    readonly world: World,
    truth: Truth,
    tables: EvidenceTables,
    readonly name: string,
    strategy: StrategyName,
    options: ProcessOptions,
  ) {
    this.#truth = truth;
    const postgresStore = new ExplorerPostgres(this.#connect("postgres"), truth);
    this.postgres = new Guard<PostgresSide>(postgresStore, { coalesce: world.coalesce });
    this.evidence = new ExplorerEvidence(postgresStore, tables);
    const events = new EventHub();
    const redis = () => this.#redis;
    const term = new TermView(redis, this.postgres, () => this.fleet.poke());
    this.fleet = new Fleet(() => this.fleetContext(), strategy, {
      host: "host",
      pid: Number(name.replace(/\D/g, "")),
      tickMs: 60 + Math.floor(world.draw("tick", name) * 340),
    });
    this.engine = {
      get redis() {
        return redis();
      },
      postgres: this.postgres,
      term,
      policy: () => {
        const { mirror, fallback, compare } = strategies[this.fleet.strategy];
        return { mirror, fallback, compare: compare ? options.compare : 0 };
      },
      deadlines: DEADLINES,
      events,
      clearer: new LogClearer(),
      inFlight: new InFlight(10_000),
      herd: newHerd(),
      lookElsewhere: "incomplete",
      bypassWriters: true,
    };
    this.#comparison = new Comparison(this.engine);
    this.#drainer = new Drainer(this.engine, {
      processId: name,
      collections,
      redis,
      refuse: (from) => setAside(this.fleetContext(), from),
    });
    this.records = new Records(this.engine, records, this.#comparison);
    this.counters = new Counters(this.engine, counters, this.#comparison);
    for (const event of ["fallback", "divergence", "mirrorFailure", "rejected"] as const) {
      events.on(event, (told) => {
        world.cover(`event-${event}`);
        world.note(name, () => `tells ${event} ${JSON.stringify(told)}`);
      });
    }
    events.on("divergence", (told) => {
      if (world.pure) world.violate("no difference is told where none is", JSON.stringify(told));
    });
    events.on("divergence", (told) => void this.evidence.recordDivergence(told).catch(() => {}));
  }

  /** What `get` is made of, with its outcome. */
  async readValue(id: string): Promise<ReadOutcome<Lineage>> {
    const outcome = await readValue(this.engine, records, id, new Operation(undefined, DEADLINES.read));
    return mapHit(outcome, (bytes) => records.decode(id, bytes));
  }

  fleetContext(): FleetContext {
    return {
      processId: this.name,
      redis: this.#redis,
      postgres: this.postgres,
      collections,
      term: this.engine.term,
      evidence: this.evidence,
      events: this.engine.events,
    };
  }

  /** As a backend opens its store. @throws StrategyError while processes two stages away are alive, or Redis is needed and given up */
  async open(): Promise<void> {
    const { redisOptional } = strategies[this.fleet.strategy];
    const fence = redisOptional ? await this.postgres.store.readFence().catch(() => null) : null;
    if (!fence?.redisGivenUp) this.#connectRedis();
    await this.fleet.join();
    await this.fleet.start();
    for (const until = performance.now() + SETTLE_MS; !this.engine.term.reign && performance.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      await this.fleet.tick();
    }
    if (this.fleet.redisGivenUp && !redisOptional) {
      await this.fleet.stop();
      throw new StrategyError("Redis was given up.");
    }
    this.#drainer.start();
    this.#upkeep = setInterval(() => this.#keepUp(), 250);
    this.state = "serving";
  }

  /** @throws StrategyError where Redis is needed and, as far as this process knows, given up */
  follow(strategy: StrategyName): void {
    if (!this.#redis && !this.fleet.redisGivenUp) this.#connectRedis();
    if (!this.#redis && !strategies[strategy].redisOptional) throw new StrategyError("Redis was given up.");
    this.fleet.follow(strategy);
  }

  /** A Redis that was given up is let go. */
  #keepUp(): void {
    if (!this.fleet.redisGivenUp || !this.#redis) return;
    this.world.cover("let-redis-go");
    this.#redis.stop();
    this.#redis = null;
  }

  #connect(store: StoreName): Connection {
    const connection = new Connection(this.world, this.name, store);
    this.#connections.push(connection);
    return connection;
  }

  #connectRedis(): void {
    this.#redis = new Guard<RedisSide>(new ExplorerRedis(this.#connect("redis"), this.#truth), {
      coalesce: this.world.coalesce,
    });
  }

  /** How the way to these stores is from now on, for this process alone. */
  setLinks(stores: readonly StoreName[], state: Connection["state"]): void {
    for (const connection of this.#connections) if (stores.includes(connection.store)) connection.state = state;
  }

  async close(): Promise<void> {
    this.state = "closing";
    await this.engine.inFlight.close();
    await this.#comparison.settled();
    await this.#drainer.stop();
    await this.engine.clearer.settled();
    await this.fleet.stop();
    this.#end();
  }

  /** Its parked calls never happen and its answers come to nobody. */
  crash(): void {
    for (const connection of this.#connections) connection.dead = true;
    this.world.note(this.name, "crashes");
    this.#end();
  }

  #end(): void {
    this.state = "gone";
    clearInterval(this.#upkeep);
    this.#redis?.stop();
    this.postgres.stop();
  }
}
