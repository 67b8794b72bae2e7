/** Redis, with its append-only file, and Postgres are killed with SIGKILL under traffic and started again: nothing acknowledged is lost. */
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { openPair, type Pair } from "../support/pair.js";
import { Outage } from "./outage.js";
import { STAGES } from "./support.js";

let postgres: PostgresServer;
let pair: Pair;
let outage: Outage | undefined;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterEach(async () => {
  await outage?.end();
  outage = undefined;
  await pair?.end();
});
afterAll(() => postgres?.stop());

describe.each(STAGES)("%s, a server killed under traffic", (strategy) => {
  it("Redis with its append-only file: nothing acknowledged is lost or applied twice", async () => {
    // Written to the file before it is answered: what a Redis needs that is trusted with data.
    pair = await openPair({ redis: { appendonly: true, args: ["--appendfsync", "always"] } });
    outage = await Outage.prepare(pair, strategy, "redis");
    await pair.redis.kill();
    await outage.observe();
    await pair.redis.restart();
    await outage.expectRecovered();
  }, 60_000);

  it("Postgres with all that it forked: nothing acknowledged is lost or applied twice", async () => {
    pair = await openPair({ postgres: postgres.url });
    outage = await Outage.prepare(pair, strategy, "postgres");
    await postgres.kill();
    await outage.observe();
    await postgres.restart();
    await outage.expectRecovered();
  }, 60_000);
});
