/** The Postgres primary is lost and a streaming standby takes over, under one address and under traffic. */
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Migration } from "../../src/migration/migration.js";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { startProxy, type TcpProxy } from "../servers/tcp-proxy.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { Outage } from "./outage.js";
import { append, authorityOf, drained, ledger, ledgers, Past, STAGES, untilAuthority } from "./support.js";

let primary: PostgresServer;
let standby: PostgresServer;
/** Between the standby and its primary. */
let stream: TcpProxy;
let pair: Pair;
let outage: Outage | undefined;

beforeEach(async () => {
  primary = await startPostgres({ config: { fsync: "off" } });
  stream = await startProxy({ targetUrl: primary.url });
  standby = await startPostgres({ standbyOf: stream.url, config: { fsync: "off" } });
});
afterEach(async () => {
  await outage?.end();
  outage = undefined;
  await pair?.end();
  await stream?.stop();
  await Promise.all([standby?.stop(), primary?.stop()]);
});

async function ask<T>(server: PostgresServer, statement: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    return await statement(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** As an operator's failover does: the primary is gone for good, the standby becomes one, and the address leads to it. */
async function failOver(): Promise<void> {
  await primary.kill();
  await outage?.observe();
  await ask(standby, (sql) => sql`select pg_promote(true, 30)`);
  pair.databaseProxy.retarget(standby.port);
}

/** The same pair for the test's own looks, which follow the address as well. */
const byAddress = (): Pair => ({ ...pair, databaseUrl: pair.urls.postgres });

describe.each(STAGES)("%s, Postgres failing over to a synchronous standby", (strategy) => {
  it("loses nothing that was acknowledged, and applies nothing twice", async () => {
    await ask(primary, (sql) => sql`alter system set synchronous_standby_names = '*'`);
    await ask(primary, (sql) => sql`select pg_reload_conf()`);
    pair = await openPair({ postgres: primary.url });
    outage = await Outage.prepare(byAddress(), strategy, "postgres");
    const streaming = await ask(primary, (sql) => sql`select sync_state from pg_stat_replication`);
    expect(streaming.map((row) => row.sync_state)).toEqual(["sync"]);
    await failOver();
    await outage.expectRecovered();
  }, 60_000);
});

describe.each(STAGES)("%s, Postgres failing over to a standby that lags", (strategy) => {
  const authority = authorityOf(strategy);

  it("Postgres loses what it hadn't streamed, verify names it, and repairs after the authority", async () => {
    pair = await openPair({ postgres: primary.url });
    const past = new Past(byAddress());
    const store = await pair.open(strategy);
    await untilAuthority(store, authority);
    for (const id of ["kept", "changed", "deleted"]) await ledgers(store).put(id, ledger("first"));
    await store.usage.track({ userId: "counted" }, { by: 10 });
    await drained(store);
    await waitFor(async () => (await replayed(standby)) >= (await written(primary)), {
      what: "the standby to have it all",
    });
    await stream.setMode("blackhole");
    await append(store, "changed", "second");
    await ledgers(store).delete("deleted");
    await ledgers(store).put("new", ledger("new"));
    await store.usage.track({ userId: "counted" }, { by: 5 });
    await drained(store);
    await stream.setMode("refuse");
    await failOver();
    await waitFor(async () => (await store.health()).postgres.reachable, { what: "the new primary" });

    // Redis has all of it, Postgres went back to what was streamed, and callers see what the authority has.
    const kept = authority === "redis";
    expect((await past.record("changed")).redis.value).toEqual(ledger("first", "second"));
    expect(await ledgers(store).get("changed")).toEqual(kept ? ledger("first", "second") : ledger("first"));
    expect(await ledgers(store).get("new")).toEqual(kept ? ledger("new") : null);
    expect(await ledgers(store).get("deleted")).toEqual(kept ? null : ledger("first"));
    expect((await store.usage.stats({ userId: "counted" })).today).toBe(kept ? 15 : 10);

    const migration = await Migration.open({ redis: pair.urls.redis, postgres: pair.urls.postgres });
    const found = await migration.verify({ repair: true }).finally(() => migration.close());
    // The changed record and both counters; the new record and the deleted one, named from the authority's side.
    expect(found).toMatchObject({ clean: false, differences: { value: 3, missing: 1, extra: 1 } });
    await append(store, "changed", "later");
    await store.usage.track({ userId: "counted" });
    await drained(store);
    await past.expectRecord("kept", ledger("first"));
    await past.expectRecord("changed", kept ? ledger("first", "second", "later") : ledger("first", "later"));
    await past.expectRecord("new", kept ? ledger("new") : null);
    await past.expectRecord("deleted", kept ? null : ledger("first"));
    // A counter's parts only grow: Postgres takes back from Redis what it lost, whoever reigns.
    await past.expectCounter("counted", 16);
    await past.end();
  });
});

const position = (server: PostgresServer, call: string) =>
  ask(server, (sql) => sql.unsafe(`select (${call}() - '0/0')::bigint as at`)).then(([row]) => Number(row?.at));
const written = (server: PostgresServer) => position(server, "pg_current_wal_lsn");
const replayed = (server: PostgresServer) => position(server, "pg_last_wal_replay_lsn");
