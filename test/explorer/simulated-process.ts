/** One application process: its own connections, guards, view of the term, fleet membership, engine and drainer. */
import { Comparison } from "../../src/engine/comparison.js";
import type { EngineContext } from "../../src/engine/context.js";
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
import { Fleet } from "../../src/strategy/fleet.js";
import type { FleetContext } from "../../src/strategy/fleet-context.js";
import { setAside } from "../../src/strategy/set-aside.js";
import { type StrategyName, strategies } from "../../src/strategy/strategies.js";
import { collections, counters, type Lineage, records } from "./collections.js";
import type { Lines } from "./lines.js";
import type { Scene } from "./scene.js";

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
  readonly #comparison: Comparison;
  readonly #drainer: Drainer;
  #redis: Guard<RedisSide> | null = null;
  #upkeep: NodeJS.Timeout | undefined;
  state: "starting" | "serving" | "closing" | "gone" = "starting";

  constructor(
    readonly scene: Scene,
    readonly lines: Lines,
    readonly name: string,
    strategy: StrategyName,
    options: ProcessOptions,
  ) {
    this.postgres = new Guard<PostgresSide>(lines.postgres, { coalesce: scene.coalesce });
    const events = new EventHub();
    const redis = () => this.#redis;
    const term = new TermView(
      redis,
      this.postgres,
      () => this.fleet.poke(),
      () => collections,
    );
    this.fleet = new Fleet(() => this.fleetContext(), strategy, {
      host: "host",
      pid: Number(name.replace(/\D/g, "")),
      tickMs: 60 + Math.floor(scene.draw("tick", name) * 340),
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
      deadlines: scene.deadlines,
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
      refuse: () => setAside(this.fleetContext()),
    });
    this.records = new Records(this.engine, records, this.#comparison);
    this.counters = new Counters(this.engine, counters, this.#comparison);
    for (const event of ["fallback", "divergence", "mirrorFailure", "rejected"] as const) {
      events.on(event, (told) => {
        scene.cover(`event-${event}`);
        scene.note(name, () => `tells ${event} ${JSON.stringify(told)}`);
      });
    }
    events.on("divergence", (told) => {
      if (scene.pure) scene.violate("no difference is told where none is", JSON.stringify(told));
    });
    events.on("divergence", (told) => void lines.evidence.recordDivergence(told).catch(() => {}));
  }

  /** What `get` is made of, with its outcome. */
  async readValue(id: string): Promise<ReadOutcome<Lineage>> {
    const outcome = await readValue(this.engine, records, id, new Operation(undefined, this.scene.deadlines.read));
    return mapHit(outcome, (bytes) => records.decode(id, bytes));
  }

  fleetContext(): FleetContext {
    return {
      processId: this.name,
      redis: this.#redis,
      postgres: this.postgres,
      collections,
      term: this.engine.term,
      evidence: this.lines.evidence,
      events: this.engine.events,
    };
  }

  /** As a backend opens its store. @throws StrategyError while processes two stages away are alive, or Redis is needed and given up */
  async open(): Promise<void> {
    const { redisOptional } = strategies[this.fleet.strategy];
    const fence = redisOptional ? await this.postgres.store.readFence().catch(() => null) : null;
    if (!fence?.redisGivenUp) await this.#connectRedis();
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
    this.#upkeep = setInterval(() => void this.#keepUp(), 250);
    this.state = "serving";
  }

  /** @throws StrategyError where Redis is needed and, as far as this process knows, given up */
  async follow(strategy: StrategyName): Promise<void> {
    if (!this.#redis && !this.fleet.redisGivenUp) await this.#connectRedis();
    if (!this.#redis && !strategies[strategy].redisOptional) throw new StrategyError("Redis was given up.");
    this.fleet.follow(strategy);
  }

  /** A Redis that was given up is let go; one that was taken back meanwhile is needed. */
  async #keepUp(): Promise<void> {
    if (this.fleet.redisGivenUp && this.#redis) {
      this.scene.cover("let-redis-go");
      this.#redis.stop();
      this.#redis = null;
    }
    const isNeeded = !strategies[this.fleet.strategy].redisOptional && !this.fleet.redisGivenUp;
    if (!this.#redis && isNeeded) await this.#connectRedis();
  }

  async #connectRedis(): Promise<void> {
    this.#redis = new Guard<RedisSide>(await this.lines.redis(), { coalesce: this.scene.coalesce });
  }

  async close(): Promise<void> {
    this.state = "closing";
    await this.engine.inFlight.close();
    await this.#comparison.settled();
    await this.#drainer.stop();
    await this.engine.clearer.settled();
    await this.fleet.stop();
    this.#end();
    this.lines.close();
  }

  /** Nothing of it happens any more, and its answers come to nobody. */
  crash(): void {
    this.lines.kill();
    this.scene.note(this.name, "crashes");
    this.#end();
    // Where time is real, what it goes on trying in vain has to end some time.
    void this.#drainer.stop();
    void this.fleet.stop();
  }

  #end(): void {
    this.state = "gone";
    clearInterval(this.#upkeep);
    this.#redis?.stop();
    this.postgres.stop();
  }
}
