/** A lease lives if either store says so: an outage or a memory loss of one hides no process, and a dead process's lease ends. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DualWriteStore, StrategyError } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, openFleet, Past } from "./support.js";

let pair: Pair;
let past: Past;

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

const refusal = (opening: Promise<DualWriteStore>) =>
  opening.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => error as Error,
  );

/** As if the time of every lease in this store had run out. */
const forget = {
  redis: () => past.redis.del("dual-write:leases"),
  postgres: () => past.sql`delete from dual_write_leases`,
};

describe.each(["redis", "postgres"] as const)(
  "with %s out of reach for a process longer than its lease lasts there",
  (away) => {
    const proxy = () => (away === "redis" ? pair.redisProxy : pair.databaseProxy);
    const leases = async () => ({
      redis: await past.redis.hlen("dual-write:leases"),
      postgres: Number((await past.sql`select count(*) as n from dual_write_leases`)[0]?.n),
    });

    it.each([
      ["DUAL_WRITE", "POSTGRES_ONLY"],
      ["POSTGRES_PRIMARY", "REDIS_PRIMARY"],
    ] as const)("a process at %s is still named to one that comes as %s", async (strategy, newcomer) => {
      await openFleet(pair, [strategy], authorityOf(strategy));
      await proxy().setMode("refuse");
      await waitFor(async () => {
        await forget[away]();
        return (await leases())[away] === 0;
      });
      // The newcomer reaches both stores.
      const direct = { redis: pair.redis.url, postgres: pair.databaseUrl };
      const error = await refusal(pair.open(newcomer, direct));
      expect(error).toBeInstanceOf(StrategyError);
      expect(error.message).toContain(`${process.pid} (${strategy})`);
      // And what it left behind keeps nobody out.
      await proxy().setMode("pass");
      await waitFor(async () => (await leases())[away] === 1, { what: "the lease to stand in both stores again" });
      expect(await leases()).toEqual({ redis: 1, postgres: 1 });
    });
  },
);

describe("Redis's memory", () => {
  it("doesn't take the leases along: the process is known from Postgres, and registers anew", async () => {
    await openFleet(pair, ["DUAL_WRITE"], "redis");
    await past.redis.flushall();
    const error = await refusal(pair.open("POSTGRES_ONLY"));
    expect(error.message).toContain("DUAL_WRITE");
    await waitFor(() => past.redis.hlen("dual-write:leases"), { what: "the lease to be there again" });
  });
});
