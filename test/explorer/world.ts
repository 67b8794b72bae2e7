/** The two in-memory servers and the connections to them with their faults. */
import type { StoreName } from "../../src/stores/state.js";
import { MemoryPostgresServer } from "../memory/postgres-server.js";
import { MemoryRedisServer, type RedisSnapshot } from "../memory/redis-server.js";
import { chainOf } from "./collections.js";
import type { Cut, Plan } from "./plan.js";
import type { Dice } from "./random.js";
import { Scene } from "./scene.js";
import type { VirtualTime } from "./virtual-time.js";

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

export class World extends Scene {
  readonly redis: MemoryRedisServer;
  readonly postgres: MemoryPostgresServer;
  readonly links: Record<StoreName, Link> = { redis: { state: "up", epoch: 0 }, postgres: { state: "up", epoch: 0 } };
  over = false;
  readonly parked = new Set<(reason: Error) => void>();
  /** When they were made, and since when Redis hadn't heard of all that Postgres has: milliseconds of either server's clock. */
  readonly snapshots: { readonly at: number; readonly unheardSince: number; readonly memory: RedisSnapshot }[] = [];
  readonly traits: Trait[] = [];
  /** A text stood in the place of the set once. */
  wasOccupied = false;

  constructor(
    plan: Plan,
    readonly time: VirtualTime,
    tracing: boolean,
    ignored?: ReadonlySet<string>,
  ) {
    super(plan, tracing, ignored);
    const { weather, poison, retentionMs } = plan;
    const options = { clock: () => time.now, retentionMs };
    this.redis = new MemoryRedisServer({ ...options, clockOffsetMs: weather.redisSkewMs });
    this.postgres = new MemoryPostgresServer({ ...options, clockOffsetMs: weather.postgresSkewMs });
    if (poison.length > 0) this.postgres.refuses = (_collection, _id, bytes) => this.#refusal(bytes);
  }

  #refusal(bytes: Buffer): string | null {
    const last = chainOf(bytes)?.at(-1);
    if (this.calm || last === undefined || !this.poison.has(last)) return null;
    this.cover("refused-for-good");
    return "the table has a check against it";
  }

  /** Runs what happens at one moment and looks at the invariants right after it. */
  effect<T>(who: string, what: string | (() => string), run: () => T): T {
    this.sequence++;
    const result = run();
    this.note(who, what);
    if (!this.over) for (const trait of this.traits) trait.afterEffect();
    return result;
  }

  loseRedis(kind: "flush" | "restore" | "restart"): void {
    const newest = this.snapshots.at(-1);
    // Nobody remembers any more what was deleted since an older one. Nor what had expired when Redis, away for longer than that, heard
    // of it at last: such a row goes a retention after it expired, and docs/guarantees.md says so of a snapshot made meanwhile.
    const isRemembered = ({ at, unheardSince }: { readonly at: number; readonly unheardSince: number }) =>
      at + this.redis.retentionMs > this.redis.now() && unheardSince + this.postgres.retentionMs > this.postgres.now();
    const snapshot = newest && isRemembered(newest) ? newest.memory : null;
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
