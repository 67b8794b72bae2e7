/** Redis loses its memory, wholly or back to a snapshot, again and again while two processes write: what both stores acknowledged stays. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, it } from "vitest";
import type { StrategyName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, drained, ledger, ledgers, Past, untilAuthority } from "./support.js";
import { acknowledgedByBoth, Traffic } from "./traffic.js";

let pair: Pair;
let past: Past;

async function end(): Promise<void> {
  await past?.end();
  await pair?.end();
}
afterEach(end);

const dump = (name: string) => join(pair.redis.dir, name);
const restarted = async () => {
  await pair.redis.restart();
  await waitFor(() => past.redis.ping(), { what: "Redis to answer again" });
};

const losses: Record<string, () => Promise<unknown>> = {
  flushed: () => past.redis.flushall(),
  "killed and empty again": async () => {
    await pair.redis.kill();
    await restarted();
  },
  "restored from an older snapshot": async () => {
    await copyFile(dump("older.rdb"), dump("dump.rdb"));
    await pair.redis.kill();
    await restarted();
  },
};

async function scenario(strategy: StrategyName, lose: () => Promise<unknown>, snapshot: boolean): Promise<Traffic> {
  await end();
  pair = await openPair();
  past = new Past(pair);
  // Time enough for the mirror, or a write would be acknowledged by Redis alone and might go with it.
  const deadlines = { read: 8000, write: 15_000, mirror: 10_000 };
  const stores = [await pair.open(strategy, { deadlines }), await pair.open(strategy, { deadlines })] as const;
  await untilAuthority(stores, authorityOf(strategy));
  await ledgers(stores[0]).put("shared", ledger());
  const traffic = new Traffic(stores);
  await traffic.some(50);
  if (snapshot) {
    await past.redis.save();
    await copyFile(dump("dump.rdb"), dump("older.rdb"));
  }
  for (let round = 0; round < 2; round++) {
    await traffic.some(Math.floor(Math.random() * 60));
    await lose();
  }
  await waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });
  await traffic.some(30);
  await traffic.stop();
  await drained(stores[0]);
  traffic.expectServed();
  return traffic;
}

// At REDIS_PRIMARY what only Redis had goes with its memory; from DUAL_WRITE on everything acknowledged is in both.
describe.each(["DUAL_WRITE", "POSTGRES_PRIMARY", "POSTGRES_ONLY"] as const)(
  "%s, Redis losing its memory under traffic",
  (strategy) => {
    it.each(Object.entries(losses))(
      "%s: nothing acknowledged is lost or applied twice, nothing deleted returns",
      (loss, lose) =>
        acknowledgedByBoth(
          () => scenario(strategy, lose, loss.startsWith("restored")),
          (traffic) => traffic.expectKept(past),
        ),
      60_000,
    );
  },
);
