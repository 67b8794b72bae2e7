/** Real servers as what a schedule takes place on. */
import { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { RedisStore } from "../../src/stores/redis/redis-store.js";
import type { StoreName } from "../../src/stores/state.js";
import type { BypassEvent } from "../explorer/bypass-writer.js";
import { collections, counters, encode, records } from "../explorer/collections.js";
import type { Ground, Standing } from "../explorer/ground.js";
import type { Cut } from "../explorer/plan.js";
import type { Scene } from "../explorer/scene.js";
import { waitFor } from "../support/wait-for.js";
import { type History, moment } from "./history.js";
import type { ServerPair } from "./servers.js";
import { Way, Ways } from "./ways.js";

/** How often the weather changes. Milliseconds. */
const STIR_MS = 15;
/** A Redis that lost its memory is filled again by then, also if whoever was at it died. Milliseconds. */
const FILLED_MS = 60_000;

export class ServerGround implements Ground {
  readonly isGivenUp = false;
  readonly isBetweenReigns = false;
  readonly #links: Record<StoreName, "up" | Cut> = { redis: "up", postgres: "up" };
  readonly #ways = new Set<Way>();
  readonly #open = new Set<Ways>();
  readonly #ends: Promise<unknown>[] = [];
  readonly #weather: NodeJS.Timeout;
  /** Losses and bypass writers come one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly scene: Scene,
    readonly pair: ServerPair,
    readonly history: History,
    readonly redis: RedisStore,
    readonly postgres: PostgresStore,
  ) {
    this.#weather = setInterval(() => {
      for (const way of this.#ways) way.stir();
    }, STIR_MS);
  }

  static async on(pair: ServerPair, scene: Scene, history: History): Promise<ServerGround> {
    const redis = await RedisStore.connect({ redis: pair.server.url });
    return new ServerGround(scene, pair, history, redis, new PostgresStore({ postgres: pair.postgresUrl, max: 1 }));
  }

  async lines(process: string): Promise<Ways> {
    const { scene } = this;
    const urls = { redis: this.pair.server.url, postgres: this.pair.postgresUrl };
    const [redis, postgres] = await Promise.all([
      Way.open(scene, "redis", urls.redis, process),
      Way.open(scene, "postgres", urls.postgres, process),
    ]);
    const ways: Ways = new Ways({
      ...{ scene, redis, postgres, urls },
      linkOf: (store) => this.#links[store],
      onEnd: (ended) => {
        this.#open.delete(ways);
        for (const way of ways.both) this.#ways.delete(way);
        this.#ends.push(ended.catch(() => {}));
      },
    });
    this.#open.add(ways);
    for (const way of ways.both) {
      this.#ways.add(way);
      way.stir();
      way.follow(this.#links[way.store]);
    }
    return ways;
  }

  setLink(store: StoreName, state: "up" | Cut): void {
    this.#links[store] = state;
    for (const way of this.#ways) if (way.store === store) way.follow(state);
  }

  /** Good weather from now on. */
  calmDown(): void {
    for (const way of this.#ways) way.follow(this.#links[way.store]);
  }

  /** Waits where a server is just being started again. */
  standing(): Promise<Standing> {
    return waitFor(() => this.#standing(), { what: "both servers to tell how they stand", timeoutMs: FILLED_MS });
  }

  async #standing(): Promise<Standing> {
    const { redis, postgres } = this;
    const [lost, inRedis, inPostgres, redisLogs, postgresLogs, rejects] = await Promise.all([
      redis.memoryLost(),
      redis.readFence(collections),
      postgres.readFence(collections),
      Promise.all(collections.map((one) => redis.logStatus(one))),
      Promise.all(collections.map((one) => postgres.logStatus(one))),
      this.pair.sql`SELECT FROM dual_write_rejects WHERE source <> 'repair' LIMIT 1`,
    ]);
    const authority = inPostgres?.role === "authority" || inPostgres?.role === "closed" ? "postgres" : "redis";
    return {
      authority,
      isOpen: (authority === "redis" ? inRedis : inPostgres)?.role === "authority",
      isGivenUp: false,
      isWhole: lost === "no" && inRedis !== null && inRedis.complete && inRedis.agreed !== false,
      postgresHoldsAll: inPostgres?.complete ?? false,
      isDrained: [...redisLogs, ...postgresLogs].every(({ entries }) => entries === 0),
      isMarked: authority === "redis" && redisLogs.some(({ overflowed }) => overflowed),
      hasRejects: rejects.length > 0,
    };
  }

  snapshot(): Promise<unknown> {
    return this.#inTurn(async () => {
      if (await this.redis.readFence()) await this.pair.snapshot();
    });
  }

  emptyRedis(): never {
    throw new Error("Redis isn't given up in schedules on real servers.");
  }
  jump(): never {
    throw new Error("No clock jumps in schedules on real servers.");
  }
  occupy(): never {
    throw new Error("Nobody puts another type in a set's place in schedules on real servers.");
  }
  putRight(): void {}
  force(): never {
    throw new Error("No passage is forced in schedules on real servers.");
  }

  loseRedis(kind: "flush" | "restore" | "restart"): Promise<unknown> {
    return this.#inTurn(async () => {
      this.scene.cover(`redis-${kind}`);
      this.scene.note("fault", `Redis: ${kind}`);
      const begun = moment();
      const before = await this.standing();
      const lost = await this.pair.loseRedis(kind);
      const after = await this.standing();
      this.scene.note("fault", `Redis: ${kind} done`);
      if (lost === "nothing" || (before.authority === "postgres" && after.authority === "postgres")) return;
      const loss = { begun, ended: Number.POSITIVE_INFINITY };
      this.history.losses.push(loss);
      await waitFor(async () => (await this.standing()).isWhole, { what: "Redis to be filled", timeoutMs: FILLED_MS });
      loss.ended = moment();
    });
  }

  bypass(event: BypassEvent): Promise<unknown> {
    return this.#inTurn(async () => {
      const { authority, isOpen, isWhole } = await this.standing();
      if (authority !== "redis" || !isOpen || !isWhole) return;
      const expiresAt = "ttlMs" in event && event.ttlMs !== undefined ? Date.now() + event.ttlMs : null;
      this.scene.cover(event.kind);
      this.scene.note("bypass", `${event.kind} ${event.op} on ${event.id}`);
      await this.history.bypass(event, expiresAt, () => this.#write(event, expiresAt));
    });
  }

  async #write(event: BypassEvent, expiresAt: number | null): Promise<boolean> {
    const { redis } = this.pair;
    const key = (event.kind.endsWith("count") ? counters : records).redisKey(event.id);
    switch (event.kind) {
      case "bypass-set":
        await (expiresAt === null
          ? redis.set(key, encode([event.op]))
          : redis.set(key, encode([event.op]), "PXAT", expiresAt));
        return true;
      case "bypass-expire":
        return (await redis.pexpireat(key, expiresAt as number)) === 1;
      case "bypass-count":
        await redis.incrby(key, event.by);
        return true;
      case "bypass-delete":
      case "bypass-uncount":
        return (await redis.del(key)) === 1;
    }
  }

  #inTurn(work: () => Promise<void>): Promise<unknown> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  /** Lets go of everything. */
  async end(): Promise<void> {
    clearInterval(this.#weather);
    for (const ways of [...this.#open]) ways.kill();
    await Promise.all(this.#ends);
    await Promise.allSettled([this.redis.close(), this.postgres.close()]);
  }
}
