/** Under one address another Redis answers: a replica that lags and took over, or one that is read-only. */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../servers/redis-server.js";
import { startProxy, type TcpProxy } from "../servers/tcp-proxy.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { Outage } from "./outage.js";
import { append, drained, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";
import { acknowledgedByBoth } from "./traffic.js";

let pair: Pair;
let replica: RedisServer;
/** Between the replica and its primary. */
let link: TcpProxy;
let onReplica: Redis;
let outage: Outage | undefined;

async function begin(): Promise<void> {
  await end();
  pair = await openPair({ redis: { args: ["--repl-diskless-sync-delay", "0"] } });
  link = await startProxy({ targetUrl: pair.redis.url });
  replica = await startRedis({ args: ["--replicaof", `127.0.0.1 ${link.port}`] });
  onReplica = new Redis(replica.url);
  await untilLinked();
}
async function end(): Promise<void> {
  await outage?.end();
  outage = undefined;
  onReplica?.disconnect();
  await pair?.end();
  await link?.stop();
  await replica?.stop();
}
beforeEach(begin);
afterEach(end);

const untilLinked = () =>
  waitFor(async () => (await onReplica.info("replication")).includes("master_link_status:up"), {
    what: "the replica to follow its primary",
  });
const offset = async (redis: Redis) => Number(/^master_repl_offset:(\d+)/m.exec(await redis.info("replication"))?.[1]);
/** The same pair for the test's own looks, which follow the address as well. */
const byAddress = (): Pair => ({ ...pair, redis: { ...pair.redis, url: pair.urls.redis } });

/** As a sentinel does: the primary is gone for good, the replica becomes one, and the address leads to it. */
async function failOver(): Promise<void> {
  await pair.redis.kill();
  await onReplica.call("REPLICAOF", "NO", "ONE");
  pair.redisProxy.retarget(replica.port);
}

describe("REDIS_PRIMARY, Redis failing over to a replica that lags", () => {
  it("keeps what Postgres had heard of; what only Redis had goes with it", async () => {
    const past = new Past(byAddress());
    const store = await pair.open("REDIS_PRIMARY");
    await untilAuthority(store, "redis");
    for (const id of ["changed", "deleted", "unheard"]) await ledgers(store).put(id, ledger("first"));
    await store.usage.track({ userId: "counted" }, { by: 10 });
    await drained(store);
    await waitFor(async () => (await offset(onReplica)) >= (await offset(past.redis)));
    await link.setMode("blackhole");
    await append(store, "changed", "second");
    await ledgers(store).delete("deleted");
    await store.usage.track({ userId: "counted" }, { by: 5 });
    await drained(store);
    await pair.databaseProxy.setMode("refuse");
    await append(store, "unheard", "in Redis only");
    await failOver();
    await pair.databaseProxy.setMode("pass");
    await waitFor(() => past.redisIsComplete(), { what: "Redis to be compared" });
    await drained(store);
    await past.expectRecord("changed", ledger("first", "second"));
    await past.expectRecord("deleted", null);
    await past.expectCounter("counted", 15);
    // Exactly the one acknowledged write that Postgres hadn't heard of.
    await past.expectRecord("unheard", ledger("first"));
    await past.end();
  });
});

describe.each(STAGES.slice(1))("%s, Redis failing over to a replica that lags", (strategy) => {
  it(
    "loses nothing that was acknowledged, revives nothing, and applies nothing twice",
    () =>
      acknowledgedByBoth(
        async () => {
          await begin();
          // Time for writes and for the mirror: one that Redis acknowledged alone may go with it.
          const patient = { read: 8000, write: 15_000, mirror: 10_000 };
          outage = await Outage.prepare(byAddress(), strategy, "redis", patient);
          await link.setMode("blackhole");
          await outage.traffic.some(60);
          await failOver();
          await outage.recover();
          return outage.traffic;
        },
        () => (outage as Outage).expectKept(),
      ),
    60_000,
  );
});

describe.each(STAGES)("%s, the address leading to a read-only replica", (strategy) => {
  it("refuses or repairs what Redis can't take, and loses nothing once the primary is back", async () => {
    outage = await Outage.prepare(byAddress(), strategy, "redis");
    pair.redisProxy.retarget(replica.port);
    await outage.observe();
    expect(await onReplica.call("ROLE")).toContain("slave");
    pair.redisProxy.retarget(pair.redis.port);
    await outage.expectRecovered();
  }, 60_000);
});
