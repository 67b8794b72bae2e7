/** One process's ways to the two servers, through proxies of its own that break as a network does. */
import { ControlRecords } from "../../src/stores/postgres/control-records.js";
import { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import type { StoreName } from "../../src/stores/state.js";
import type { Lines } from "../explorer/lines.js";
import type { Cut } from "../explorer/plan.js";
import type { Dice } from "../explorer/random.js";
import type { Scene } from "../explorer/scene.js";
import { type ProxyMode, startProxy, type TcpProxy } from "../servers/tcp-proxy.js";

type State = "up" | Cut;
const MODES = {
  refuses: "refuse",
  silent: "blackhole",
  deaf: "swallow-answers",
} as const satisfies Record<Cut, ProxyMode>;
/** A connection goes with a lost answer, and all that is under way on it: that happens less often than in memory. */
const RARER = 0.4;

/** A way to one server. */
export class Way {
  /** How it is for this process, and for everybody. */
  own: State = "up";
  #changing: Promise<unknown> = Promise.resolve();
  readonly #latency: Dice;
  readonly #lost: Dice;

  private constructor(
    readonly scene: Scene,
    readonly store: StoreName,
    readonly proxy: TcpProxy,
    name: string,
  ) {
    this.#latency = scene.dice(`latency/${name}/${store}`);
    this.#lost = scene.dice(`lost/${name}/${store}`);
  }

  static async open(scene: Scene, store: StoreName, url: string, name: string): Promise<Way> {
    return new Way(scene, store, await startProxy({ targetUrl: url }), name);
  }

  /** After each change of how it is. */
  follow(forAll: State): void {
    const cut = this.own === "up" ? forAll : this.own;
    const mode = cut !== "up" ? MODES[cut] : this.scene.calm ? "pass" : "delay";
    this.#changing = this.#changing.then(() => this.proxy.setMode(mode));
  }

  /** The weather changes: another delay, and now and then an answer is lost with its connection. */
  stir(): void {
    this.proxy.delayMs = this.scene.latency(this.#latency);
    if (this.scene.calm || this.#lost.next() >= this.scene.weather.lostShare * RARER) return;
    this.scene.cover("lost-answer");
    void this.proxy.cutMidAnswer();
  }

  /** Nothing passes any more. */
  end(): Promise<void> {
    this.#changing = this.#changing.then(() => this.proxy.stop());
    this.proxy.cutAll();
    return this.#changing as Promise<void>;
  }
}

export interface WaysOptions {
  readonly scene: Scene;
  readonly redis: Way;
  readonly postgres: Way;
  readonly urls: Record<StoreName, string>;
  /** How the ways to a server are for everybody. */
  readonly linkOf: (store: StoreName) => State;
  /** Told what goes on after the process's end. */
  readonly onEnd: (ended: Promise<unknown>) => void;
}

/** Connections of one process to Postgres. */
const CONNECTIONS = 3;

export class Ways implements Lines {
  readonly postgres: PostgresStore;
  readonly evidence: ControlRecords;
  readonly #options: WaysOptions;
  readonly #redisStores: RedisStore[] = [];
  #isOver = false;

  constructor(options: WaysOptions) {
    this.#options = options;
    const { scene, postgres, urls } = options;
    this.postgres = new PostgresStore({
      postgres: postgres.proxy.urlFor(urls.postgres),
      max: CONNECTIONS,
      logLimit: scene.logLimit,
    });
    this.evidence = new ControlRecords(this.postgres.sql);
  }

  get both(): readonly Way[] {
    return [this.#options.redis, this.#options.postgres];
  }

  async redis(): Promise<RedisStore> {
    const { scene, redis, urls } = this.#options;
    const store = await RedisStore.connect({ redis: redis.proxy.urlFor(urls.redis), logLimit: scene.logLimit });
    this.#redisStores.push(store);
    if (this.#isOver) await store.close();
    return store;
  }

  set(store: StoreName, state: State): void {
    const way = this.#options[store];
    way.own = state;
    way.follow(this.#options.linkOf(store));
  }

  kill(): void {
    const ended = this.both.map((way) => way.end());
    this.#options.onEnd(Promise.all([...ended, this.#close()]));
  }

  close(): void {
    this.#options.onEnd(this.#close().then(() => Promise.all(this.both.map((way) => way.end()))));
  }

  async #close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await Promise.allSettled([this.postgres.close(), ...this.#redisStores.map((store) => store.close())]);
  }
}
