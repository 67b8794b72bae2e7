/** A mirror that stays silent for a long time costs this process neither memory nor handles: what it missed is in the authority's log. */
import { readdir } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, drained, ledger, ledgers, otherThan, Past, untilAuthority } from "./support.js";

const OPERATIONS = { DUAL_WRITE: 20_000, POSTGRES_PRIMARY: 10_000 } as const;
const WARM_UP = 3000;
const IN_FLIGHT = 100;
/** Of records that are written again and again, so that what grows isn't the data. */
const RECORDS = 500;
/** What the process may hold more afterwards: its caches and the garbage collector's slack; a kilobyte an operation would be 10 to 20. */
const MAX_GROWTH_MB = 6;

let postgres: PostgresServer;
let pair: Pair;
let past: Past;

beforeAll(async () => {
  postgres = await startPostgres({ config: { fsync: "off" } });
});
afterAll(() => postgres?.stop());
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function held(): Promise<{ heapMb: number; files: number; timers: number }> {
  for (let n = 0; n < 3; n++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    heapMb: (heapUsed + external) / (1 << 20),
    // Open files and sockets; elsewhere than on Linux the resources that Node knows of.
    files: await readdir("/proc/self/fd").then(
      (fds) => fds.length,
      () => process.getActiveResourcesInfo().length,
    ),
    timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length,
  };
}

describe.each(["DUAL_WRITE", "POSTGRES_PRIMARY"] as const)("%s, the mirror silent for a long time", (strategy) => {
  const operations = OPERATIONS[strategy];

  it(`memory, connections and timers after ${operations} operations are what they were before`, async () => {
    pair = await openPair({ postgres: postgres.url });
    past = new Past(pair);
    const mirror = otherThan(authorityOf(strategy));
    const direct = { redis: pair.redis.url, postgres: pair.databaseUrl };
    const store = await pair.open(strategy, { ...direct, deadlines: { read: 5000, write: 20_000, mirror: 100 } });
    await untilAuthority(store, authorityOf(strategy));
    await waitFor(() => past.redisIsComplete(), { what: "Redis to be complete" });
    const work = async (from: number, count: number) => {
      let next = from;
      await Promise.all(
        Array.from({ length: IN_FLIGHT }, async () => {
          while (next < from + count) {
            const n = next++;
            if (n % 4 === 3) await store.usage.track({ userId: `u${n % 50}` });
            else await ledgers(store).put(`r${n % RECORDS}`, ledger(`op-${n}`));
          }
        }),
      );
    };
    // Paused, it accepts connections and says nothing. No proxy: its sockets would be counted as this process's own.
    const silent = mirror === "redis" ? pair.redis : postgres;
    await silent.kill("SIGSTOP");
    await work(0, WARM_UP);
    const before = await held();
    await work(WARM_UP, operations);
    const after = await held();
    expect(after.heapMb - before.heapMb).toBeLessThan(MAX_GROWTH_MB);
    expect(after.files - before.files).toBeLessThan(20);
    expect(after.timers - before.timers).toBeLessThan(20);
    await silent.kill("SIGCONT");
    await waitFor(async () => (await store.health())[mirror]?.circuit === "closed", { what: "the mirror to be back" });
    await drained(store);
    const { redis, postgres: pg } = await past.record(`r${(WARM_UP + operations - 2) % RECORDS}`);
    expect(redis.value).not.toBeNull();
    expect(pg.value).toEqual(redis.value);
  }, 90_000);
});
