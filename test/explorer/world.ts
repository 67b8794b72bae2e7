/** The two servers, the connections to them with their faults, the virtual clock's delays, and the trace of one schedule. */

import type { StoreName } from "../../src/stores/state.js";
import { MemoryPostgresServer } from "../memory/postgres-server.js";
import { MemoryRedisServer, type RedisSnapshot } from "../memory/redis-server.js";
import { chainOf } from "./collections.js";
import { type Cut, isQuiet, type Plan, type Weather } from "./plan.js";
import { Dice } from "./random.js";

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
  state: "up" | Cut;
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
  readonly coverage = new Map<string, number>();
  readonly trace: string[] = [];
  readonly parked = new Set<(reason: Error) => void>();
  readonly snapshots: RedisSnapshot[] = [];
  readonly traits: Trait[] = [];
  readonly begun = Date.now();
  readonly #dice = new Map<string, Dice>();

  readonly seed: number;
  readonly weather: Weather;
  /** Entries that a repair log holds. */
  readonly logLimit: number;
  /** The calls of a process that are under way at once go together. */
  readonly coalesce: boolean;

  /** Operations whose values Postgres refuses. */
  readonly poison: ReadonlySet<string>;
  /** Nothing goes wrong in this schedule, so nothing may be refused or answered by the wrong store. */
  readonly quiet: boolean;
  /** Nobody bypasses the library either, and nothing was there before it: the stores never differ. */
  readonly pure: boolean;

  constructor(
    plan: Plan,
    readonly tracing: boolean,
    /** Known findings that are looked past, by invariant. */
    readonly ignored: ReadonlySet<string> = new Set(),
  ) {
    const { seed, weather, logLimit, coalesce, poison } = plan;
    this.seed = seed;
    this.weather = weather;
    this.logLimit = logLimit ?? 1_000_000;
    this.coalesce = coalesce;
    this.redis = new MemoryRedisServer({ clock: () => Date.now(), clockOffsetMs: weather.redisSkewMs });
    this.postgres = new MemoryPostgresServer({ clock: () => Date.now(), clockOffsetMs: weather.postgresSkewMs });
    this.poison = new Set(poison);
    this.quiet = isQuiet(plan);
    const bypassed = plan.events.some(({ kind }) => kind.startsWith("bypass"));
    this.pure = this.quiet && !bypassed && plan.legacy.length + plan.legacyCounters.length + poison.length === 0;
    if (poison.length > 0) this.postgres.refuses = (_collection, _id, bytes) => this.#refusal(bytes);
  }

  #refusal(bytes: Buffer): string | null {
    const last = chainOf(bytes)?.at(-1);
    if (this.calm || last === undefined || !this.poison.has(last)) return null;
    this.cover("refused-for-good");
    return "the table has a check against it";
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
    return this.dice(name.join("/")).next();
  }

  dice(name: string): Dice {
    const known = this.#dice.get(name);
    if (known) return known;
    const dice = new Dice(this.seed, name);
    this.#dice.set(name, dice);
    return dice;
  }

  /** Milliseconds that one leg of a call takes. */
  latency(dice: Dice): number {
    const { usualMs, slowShare, slowMs } = this.weather;
    const draw = dice.next();
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

/** One leg of a call: on its way to the server, or its answer on the way back. */
interface Leg {
  readonly isCall: boolean;
  readonly latency: Dice;
  readonly lost: Dice;
}

/** One process's connection to one server: where its steps are parked, delayed, lost, or vanish with the process. */
export class Connection {
  #epoch: number;
  readonly #legs = new Map<string, Leg>();
  dead = false;
  /** How this process's own way there is. */
  state: Link["state"] = "up";

  constructor(
    readonly world: World,
    readonly process: string,
    readonly store: StoreName,
  ) {
    this.#epoch = world.links[store].epoch;
  }

  async step(name: string): Promise<void> {
    const { world } = this;
    const { isCall, latency, lost } = this.#leg(name);
    await this.#park(world.latency(latency));
    const link = world.links[this.store];
    const is = (state: Link["state"]) => link.state === state || this.state === state;
    while (is("silent") || (!isCall && is("deaf"))) await this.#park(20);
    if (is("refuses")) throw isCall ? refused() : reset();
    if (link.epoch !== this.#epoch) {
      this.#epoch = link.epoch;
      throw reset();
    }
    if (!isCall && !world.calm && lost.next() < world.weather.lostShare) {
      world.cover("lost-answer");
      world.note(this.process, () => `${name} is lost`);
      throw reset();
    }
  }

  #leg(name: string): Leg {
    const known = this.#legs.get(name);
    if (known) return known;
    const { world, process } = this;
    const [latency, lost] = [world.dice(`latency/${process}/${name}`), world.dice(`lost/${process}/${name}`)];
    const leg = { isCall: name.endsWith(":call"), latency, lost };
    this.#legs.set(name, leg);
    return leg;
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
