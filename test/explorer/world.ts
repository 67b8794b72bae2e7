/** The two servers, the connections to them with their faults, the virtual clock's delays, and the trace of one schedule. */

import type { StoreName } from "../../src/stores/state.js";
import { MemoryPostgresServer } from "../memory/postgres-server.js";
import { MemoryRedisServer, type RedisSnapshot } from "../memory/redis-server.js";
import type { Weather } from "./plan.js";
import { hashOf } from "./random.js";

/** An invariant doesn't hold: the schedule ends here. */
export class Violation extends Error {
  constructor(
    readonly invariant: string,
    message: string,
  ) {
    super(message);
  }
}

/** How the network to one server is now. */
interface Link {
  /** `refuses`: calls fail at once, answers are lost; `silent`: calls and answers hang until it is over. */
  state: "up" | "refuses" | "silent";
  /** Rises with each restart: connections made before it fail once. */
  epoch: number;
}

export interface Trait {
  /** Told after each effect of any step, bypass write or fault. */
  afterEffect(): void;
  redisLostMemory(kind: "some" | "all"): void;
}

export class World {
  readonly redis: MemoryRedisServer;
  readonly postgres: MemoryPostgresServer;
  readonly links: Record<StoreName, Link> = { redis: { state: "up", epoch: 0 }, postgres: { state: "up", epoch: 0 } };
  /** Counts effects: the one order in which everything happened. */
  sequence = 0;
  violation: Violation | null = null;
  /** Faults happen no more; everything is to settle. */
  calm = false;
  over = false;
  /** Real work, such as reading a file, that virtual time has to wait for. */
  outside: Promise<void> | null = null;
  readonly coverage = new Map<string, number>();
  readonly trace: string[] = [];
  readonly parked = new Set<(reason: Error) => void>();
  readonly snapshots: RedisSnapshot[] = [];
  readonly traits: Trait[] = [];
  readonly begun = Date.now();
  readonly #occurrences = new Map<string, number>();

  constructor(
    readonly seed: number,
    readonly weather: Weather,
    readonly tracing: boolean,
    /** Known findings that are looked past, by invariant. */
    readonly ignored: ReadonlySet<string> = new Set(),
    /** Entries that a repair log holds. */
    readonly logLimit = 1_000_000,
  ) {
    this.redis = new MemoryRedisServer({ clock: () => Date.now(), clockOffsetMs: weather.redisSkewMs });
    this.postgres = new MemoryPostgresServer({ clock: () => Date.now(), clockOffsetMs: weather.postgresSkewMs });
  }

  cover(situation: string): void {
    this.coverage.set(situation, (this.coverage.get(situation) ?? 0) + 1);
  }

  note(who: string, what: string | (() => string)): void {
    if (!this.tracing) return;
    const at = String(Date.now() - this.begun).padStart(6);
    this.trace.push(`${at} ms  ${who.padEnd(10)} ${typeof what === "string" ? what : what()}`);
  }

  violate(invariant: string, message: string): void {
    if (this.violation) return;
    if (this.ignored.has(invariant)) {
      this.cover(`ignored ${invariant}`);
      return;
    }
    this.violation = new Violation(invariant, message);
    this.note("VIOLATION", `${invariant}: ${message}`);
  }

  /** Runs what happens at one moment and looks at the invariants right after it. */
  effect<T>(who: string, what: string | (() => string), run: () => T): T {
    this.sequence++;
    const result = run();
    this.note(who, what);
    if (!this.over) for (const trait of this.traits) trait.afterEffect();
    return result;
  }

  /** A number from 0 to 1 for the nth occasion of this name; leaving other things out doesn't shift it. */
  draw(...name: readonly (string | number)[]): number {
    const key = name.join("/");
    const n = (this.#occurrences.get(key) ?? 0) + 1;
    this.#occurrences.set(key, n);
    return hashOf(this.seed, key, n);
  }

  /** Milliseconds that one leg of a call takes. */
  latency(process: string, step: string): number {
    const { usualMs, slowShare, slowMs } = this.weather;
    const draw = this.draw("latency", process, step);
    const slow = this.calm ? 0 : slowShare;
    if (draw < slow) return Math.ceil((draw / slow) * slowMs);
    return 1 + Math.floor(((draw - slow) / (1 - slow)) * usualMs);
  }

  loseRedis(kind: "flush" | "restore" | "restart"): void {
    const snapshot = this.snapshots.at(-1);
    this.effect("fault", `Redis: ${kind}`, () => {
      if (kind === "flush") this.redis.flush();
      else {
        if (kind === "restore" && snapshot) this.redis.restore(snapshot);
        else this.redis.restart();
        this.links.redis.epoch++;
      }
      for (const trait of this.traits) trait.redisLostMemory(this.redis.control.fence ? "some" : "all");
    });
    this.cover(`redis-${kind}`);
  }
}

const refused = () => Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
const reset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });

/** One process's connection to one server: where its steps are parked, delayed, lost, or vanish with the process. */
export class Connection {
  #epoch: number;
  dead = false;

  constructor(
    readonly world: World,
    readonly process: string,
    readonly store: StoreName,
  ) {
    this.#epoch = world.links[store].epoch;
  }

  async step(name: string): Promise<void> {
    const { world } = this;
    await this.#park(world.latency(this.process, name));
    const link = world.links[this.store];
    while (link.state === "silent") await this.#park(20);
    const isCall = name.endsWith(":call");
    if (link.state === "refuses") throw isCall ? refused() : reset();
    if (link.epoch !== this.#epoch) {
      this.#epoch = link.epoch;
      throw reset();
    }
    if (!isCall && !world.calm && world.draw("lost", this.process, name) < world.weather.lostShare) {
      world.cover("lost-answer");
      world.note(this.process, () => `${name} is lost`);
      throw reset();
    }
  }

  /** Resolves after `ms`; never if the process died meanwhile, rejects when the schedule is over. */
  #park(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { parked } = this.world;
      if (this.world.over) return;
      parked.add(reject);
      setTimeout(() => {
        if (this.dead) return;
        parked.delete(reject);
        resolve();
      }, ms);
    });
  }
}
