/** A polite run beside everybody else's calls: on a virtual clock with a store that serves one after another, and on real servers. */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Migration } from "../../src/index.js";
import { Pace, rest } from "../../src/migration/run/pace.js";
import { Politeness } from "../../src/migration/run/politeness.js";
import type { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { freshDatabase, freshRedis } from "../support/databases.js";

const PAGE_SIZE = 2000;

/** Milliseconds of its own clock, which is not ours. */
const ITS_CLOCK = 1_700_000_000_000;

/** One thread: a call waits for what came before it, as those of Redis do. */
class Server {
  readonly #callMs: number;
  #freeAt = 0;
  isAway = false;
  /** How long this process doesn't look at an answer that is there. Milliseconds. */
  heardLateMs = 0;

  constructor(callMs: number) {
    this.#callMs = callMs;
  }

  /** How long it would take anybody to be answered now. Milliseconds. */
  wait(): number {
    return Math.max(0, this.#freeAt - performance.now()) + this.#callMs;
  }

  async page(keys: number): Promise<void> {
    this.#freeAt = performance.now() + this.wait() + Math.ceil(keys / 100);
    await rest(this.#freeAt - performance.now());
  }

  async now(): Promise<number> {
    if (this.isAway) throw new Error("connect ECONNREFUSED");
    const answeredAt = performance.now() + this.wait();
    await rest(answeredAt + this.heardLateMs - performance.now());
    return ITS_CLOCK + answeredAt;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  beside(): Promise<this> {
    return Promise.resolve(this);
  }
}

interface Seen {
  readonly p99: number;
  readonly keys: number;
}

/** What a GET took that came each millisecond of the last half, and how many keys were gone through meanwhile. */
async function runBeside(server: Server, pace: Pace, seconds: number): Promise<Seen> {
  const waits: number[] = [];
  const looking = setInterval(() => waits.push(server.wait()), 1);
  let keys = 0;
  const half = performance.now() + seconds * 500;
  const run = pace.during([server as unknown as PostgresStore], async () => {
    const end = half + seconds * 500;
    while (performance.now() < end) {
      const size = pace.pageKeys(PAGE_SIZE);
      const began = performance.now();
      await server.page(size);
      if (performance.now() > half) keys += size;
      await rest(pace.restAfter(size, performance.now() - began));
    }
  });
  await vi.advanceTimersByTimeAsync(seconds * 1000 + 10_000);
  await run;
  clearInterval(looking);
  const last = waits.slice(seconds * 500, seconds * 1000).sort((a, b) => a - b);
  return { p99: last[Math.floor(last.length * 0.99)] as number, keys };
}

describe("on a virtual clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    let seed = 1;
    vi.spyOn(Math, "random").mockImplementation(() => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test("a polite run keeps everybody's calls within 5 ms where they take 1 at rest, at most of the speed", async () => {
    const impolite = await runBeside(new Server(1), new Pace({}), 20);
    expect(impolite.p99).toBeGreaterThan(15);
    const polite = await runBeside(new Server(1), new Pace({ polite: true }), 60);
    expect(polite.p99).toBeLessThanOrEqual(5);
    expect(polite.keys / 3).toBeGreaterThan(impolite.keys / 2);
  });

  test("where they take long at rest, it keeps them within thrice of that", async () => {
    const { p99 } = await runBeside(new Server(6), new Pace({ polite: true }), 40);
    expect(p99).toBeGreaterThan(10);
    expect(p99).toBeLessThanOrEqual(18);
  });

  test("rests where smaller pages don't help", async () => {
    // Anything at all that the run does in fifteen milliseconds makes the others late.
    const server = new Server(1);
    const page = server.page.bind(server);
    let lastAt = Number.NEGATIVE_INFINITY;
    let pages = 0;
    server.page = async (keys) => {
      lastAt = performance.now();
      pages++;
      await page(keys);
    };
    server.wait = () => (performance.now() - lastAt < 15 ? 20 : 1);
    const pace = new Pace({ polite: true });
    const { keys } = await runBeside(server, pace, 60);
    expect(pace.pageKeys(PAGE_SIZE)).toBe(PAGE_SIZE / 20);
    // Without rests it were one each 21 ms.
    expect(pages).toBeLessThan(500);
    expect(keys).toBeGreaterThan(0);
  });

  test("where others are late by themselves, it goes on at a part of its speed", async () => {
    const working = (server: Server) => {
      const page = server.page.bind(server);
      server.page = (keys) => page(keys).then(() => rest(20));
      return server;
    };
    const noisy = working(new Server(1));
    const wait = noisy.wait.bind(noisy);
    // For 20 ms of each 400, whatever anybody does.
    noisy.wait = () => wait() + (performance.now() % 400 < 20 ? 25 : 0);
    const { keys } = await runBeside(noisy, new Pace({ polite: true }), 60);
    const alone = await runBeside(working(new Server(1)), new Pace({ polite: true }), 30);
    expect(keys / 2).toBeGreaterThan(alone.keys / 20);
  });

  test("an answer that this process heard late isn't taken for a late one", async () => {
    const server = new Server(1);
    const politeness = new Politeness();
    const run = politeness.during([server], () => rest(10_000));
    await vi.advanceTimersByTimeAsync(2000);
    server.heardLateMs = 50;
    await vi.advanceTimersByTimeAsync(3000);
    expect(politeness.share).toBe(1);
    server.wait = () => 50;
    await vi.advanceTimersByTimeAsync(3000);
    expect(politeness.share).toBeLessThan(0.1);
    await vi.advanceTimersByTimeAsync(10_000);
    await run;
  });

  test("a store that is away holds up the beginning for five seconds", async () => {
    const server = new Server(1);
    server.isAway = true;
    let begun = false;
    const run = new Politeness().during([server], async () => {
      begun = true;
    });
    await vi.advanceTimersByTimeAsync(4900);
    expect(begun).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(begun).toBe(true);
    await run;
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("audit, backfill and verify do politely what they do else, and leave no connection behind", async () => {
  const [server, database] = await Promise.all([freshRedis(), freshDatabase()]);
  const redis = new Redis(server.url);
  const migration = await Migration.open({ redis: server.url, postgres: database.url });
  const connections = async () => String(await redis.client("LIST")).match(/name=dual-write-store/g)?.length;
  try {
    await migration.migrateSchema();
    for (let n = 0; n < 300; n++) await redis.set(`threadr:email:person${n}@example.org`, '{"source": "landing"}');
    await migration.audit({ sample: 0 });
    const before = await connections();
    let most = 0;
    const polite = { polite: true, onProgress: async () => (most = Math.max(most, (await connections()) ?? 0)) };
    expect((await migration.audit({ ...polite, pageSize: 50 })).keys.distinct).toBe(300);
    expect(await migration.backfill(polite)).toMatchObject({ state: "finished", counts: { seen: 300, copied: 300 } });
    expect(await migration.verify(polite)).toMatchObject({ clean: true, compared: 300 });
    expect(most).toBe((before ?? 0) + 1);
    expect(await connections()).toBe(before);
  } finally {
    await migration.close();
    redis.disconnect();
    await Promise.all([server.stop(), database.drop()]);
  }
});
